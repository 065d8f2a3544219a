/* A pace: at most so many units a second, evenly. Pure: the caller tells the time.
 *
 * What was not used is saved up for 50 ms and one unit only, so that no second ever has more than
 * the pace and one such burst. More may be spent than there was room
 * for, which is then paid off first. */
#ifndef WEIR_PRODUCER_PACE_INT_H
#define WEIR_PRODUCER_PACE_INT_H

#include <stdint.h>

typedef struct weir_pace {
    int64_t per_second; /* at most 1e9; 0: no limit */
    int64_t paid_ns;    /* up to this monotonic time everything is used */
} weir_pace;

/* weir_pace_room returns how many units may go now; INT64_MAX without a limit. */
int64_t weir_pace_room(weir_pace *pace, int64_t now_us);

/* weir_pace_spend uses units, at most 1e9 of them. */
void weir_pace_spend(weir_pace *pace, int64_t units);

#endif
