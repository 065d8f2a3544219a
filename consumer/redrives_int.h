/* When a parked aggregate is tried again by itself. Pure. */
#ifndef WEIR_CONSUMER_REDRIVES_INT_H
#define WEIR_CONSUMER_REDRIVES_INT_H

#include "base/base.h"

#define WEIR_REDRIVES_MOST 16

typedef struct weir_redrives {
    int seconds[WEIR_REDRIVES_MOST]; /* from one failure to the next try; after that by hand only */
    size_t count;
} weir_redrives;

/* weir_redrives_read reads "10s, 1m, 10m" (s, m, h, d); "none": none. CONFIG for anything else. */
WEIR_MUST_USE bool weir_redrives_read(const char *text, weir_redrives *redrives, weir_error *error);

#endif
