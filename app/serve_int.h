/* What `weir serve` runs, as its admin pages see it. */
#ifndef WEIR_APP_SERVE_INT_H
#define WEIR_APP_SERVE_INT_H

#include <stdatomic.h>

#include "app/admin.h"
#include "app/runtime.h"
#include "producer/producer.h"

typedef struct weir_serve {
    weir_relays *relays;
    weir_runtime runtime;
    atomic_bool started; /* set once relay and runtime are there and run; read first */
    int64_t started_us;  /* monotonic */
    pthread_t relay_thread, doctor_thread;
    weir_stop *stop;
    bool relay_failed; /* valid once joined */
    bool doctor_started;
} weir_serve;

extern const weir_page weir_serve_pages[]; /* their context is a weir_serve */

/* weir_process_metrics_update brings the process_* and weir_build_info metrics up to date. Only the
 * listener's thread. */
void weir_process_metrics_update(void);

/* weir_serve_doctor_start starts the thread of the doctor's metrics, unless doctor.interval_s is 0;
 * weir_serve_doctor_join waits for its end, if it was started. Once runtime and stop are there. */
WEIR_MUST_USE bool weir_serve_doctor_start(weir_serve *serve, weir_error *error);
void weir_serve_doctor_join(weir_serve *serve);

#endif
