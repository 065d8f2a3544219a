/* A request to stop, seen by every thread that waits.
 *
 * The flag is the truth, the eventfd only wakes the sleepers; nobody reads from it, so it stays
 * readable and wakes all of them, also those who come later. A request is never taken back. */
#include "base/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

bool weir_stop_open(weir_stop *stop, weir_error *error)
{
    atomic_init(&stop->requested, false);
    stop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stop->event < 0)
        return weir_fail(error, WEIR_FATE_RETRY, "eventfd: %s", strerror(errno));
    return true;
}

void weir_stop_close(weir_stop *stop)
{
    if (stop->event >= 0)
        close(stop->event);
    stop->event = -1;
}

void weir_stop_request(weir_stop *stop)
{
    int saved = errno; /* a signal handler must leave errno as it was */
    atomic_store(&stop->requested, true);
    uint64_t one = 1;
    /* It can only fail when the counter is full, and then the event is readable already. */
    ssize_t written = write(stop->event, &one, sizeof(one));
    (void)written;
    errno = saved;
}

bool weir_stop_requested(const weir_stop *stop)
{
    return stop && atomic_load(&stop->requested);
}

bool weir_stop_wait(weir_stop *stop, int ms)
{
    int64_t until = weir_clock_monotonic_us() + (int64_t)(ms > 0 ? ms : 0) * 1000;
    while (!weir_stop_requested(stop)) {
        int64_t left = (until - weir_clock_monotonic_us() + 999) / 1000;
        struct pollfd event = {.fd = stop ? stop->event : -1, .events = POLLIN};
        if (left <= 0)
            return false;
        poll(&event, 1, (int)left); /* a signal ends it early: the loop looks again */
    }
    return true;
}
