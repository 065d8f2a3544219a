/* Exponential backoff with full jitter: the n-th wait is uniform in [1, min(max, initial·2ⁿ)] ms.
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. One owner, no locking. */
#ifndef WEIR_BASE_BACKOFF_H
#define WEIR_BASE_BACKOFF_H

#include <stdint.h>

typedef struct weir_backoff {
    int initial_ms;
    int max_ms;
    unsigned attempts; /* waits handed out since the last reset */
    uint64_t seed;     /* 0: seeded on first use */
} weir_backoff;

int weir_backoff_next(weir_backoff *backoff); /* milliseconds to wait now */
void weir_backoff_reset(weir_backoff *backoff);

#endif
