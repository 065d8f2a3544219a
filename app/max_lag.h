/* The bound of --max-lag: events (100) or seconds (30s). */
#ifndef WEIR_APP_MAX_LAG_H
#define WEIR_APP_MAX_LAG_H

#include "app/arguments.h"

typedef struct weir_max_lag {
    bool given, in_seconds;
    int64_t value;
} weir_max_lag;

/* weir_max_lag_read reads --max-lag if it is there; CONFIG for what is neither form. */
WEIR_MUST_USE bool weir_max_lag_read(const weir_arguments *arguments, weir_max_lag *most,
                                     weir_error *error);

/* weir_max_lag_exceeded says on stderr by what `name` is beyond the bound, if it is. */
bool weir_max_lag_exceeded(const weir_max_lag *most, const char *name, int64_t events,
                           double seconds);

#endif
