/* What no store takes, for backends that have no weir.append to refuse it. Any thread. */
#ifndef WEIR_STORE_EVENT_CHECK_INT_H
#define WEIR_STORE_EVENT_CHECK_INT_H

#include "store/store.h"

/* An event that was looked at: what a backend keeps of it besides what it was given. */
typedef struct weir_checked {
    weir_buffer data;     /* JSON in normal form; of binary data nothing */
    weir_buffer metadata; /* likewise */
    int64_t time_us;      /* the event's own; 0 where it gives none */
} weir_checked;

/* weir_event_check refuses what weir.append refuses, in its words: WV002, POISON. It is the event
 * `at` (from 0) of the append; checked is to be freed either way. */
WEIR_MUST_USE bool weir_event_check(const weir_append *append, size_t at, int64_t max_event_bytes,
                                    weir_checked *checked, weir_error *error);
void weir_checked_free(weir_checked *checked);

/* weir_aggregate_check does so for an append's aggregate type and id and its expected version. */
WEIR_MUST_USE bool weir_aggregate_check(const weir_append *append, weir_error *error);

/* weir_refuse fills an error as weir.append would raise it: fate by sqlstate. False. */
bool weir_refuse(weir_error *error, const char *sqlstate, const char *format, ...)
    WEIR_PRINTF(3, 4);

#endif
