/* A request to stop, seen by every thread that waits. Signal handlers may request it.
 * One weir_stop per process or test; it outlives the threads that wait on it. */
#ifndef WEIR_BASE_STOP_H
#define WEIR_BASE_STOP_H

#include <stdatomic.h>

#include "base/error.h"

typedef struct weir_stop {
    atomic_bool requested;
    int event; /* eventfd: readable once requested */
} weir_stop;

WEIR_MUST_USE bool weir_stop_open(weir_stop *stop, weir_error *error);
void weir_stop_close(weir_stop *stop);
void weir_stop_request(weir_stop *stop); /* async-signal-safe, any thread, any number of times */
bool weir_stop_requested(const weir_stop *stop);

/* weir_stop_wait sleeps for up to ms milliseconds; true as soon as a stop is requested. Without a
 * stop (NULL) it just sleeps, and none is ever requested. */
bool weir_stop_wait(weir_stop *stop, int ms);

#endif
