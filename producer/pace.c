/* A pace, kept as the time up to which everything is used: room is the time since, and spending
 * moves it on. Nothing to refill, nothing to round up over and over. */
#include "producer/pace_int.h"

#define SECOND_NS INT64_C(1000000000)
#define BURST_NS (SECOND_NS / 20)

int64_t weir_pace_room(weir_pace *pace, int64_t now_us)
{
    if (pace->per_second == 0)
        return INT64_MAX;
    int64_t now_ns = now_us * 1000;
    int64_t saved_ns = BURST_NS + (SECOND_NS + pace->per_second - 1) / pace->per_second;
    if (pace->paid_ns < now_ns - saved_ns)
        pace->paid_ns = now_ns - saved_ns;
    int64_t free_ns = now_ns - pace->paid_ns;
    return free_ns > 0 ? free_ns * pace->per_second / SECOND_NS : 0;
}

void weir_pace_spend(weir_pace *pace, int64_t units)
{
    if (pace->per_second > 0)
        pace->paid_ns += (units * SECOND_NS + pace->per_second - 1) / pace->per_second;
}
