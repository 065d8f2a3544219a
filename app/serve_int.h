/* What `weir serve` runs, as its admin pages see it. */
#ifndef WEIR_APP_SERVE_INT_H
#define WEIR_APP_SERVE_INT_H

#include <stdatomic.h>

#include "app/admin.h"
#include "app/runtime.h"
#include "producer/producer.h"

typedef struct weir_serve {
    weir_relay *relay;
    weir_runtime runtime;
    atomic_bool started; /* set once relay and runtime are there and run; read first */
    int64_t started_us;  /* monotonic */
    pthread_t relay_thread;
    weir_stop *stop;
    bool relay_failed; /* valid once joined */
} weir_serve;

extern const weir_page weir_serve_pages[]; /* their context is a weir_serve */

/* weir_process_metrics_update brings the process_* and weir_build_info metrics up to date. Only the
 * listener's thread. */
void weir_process_metrics_update(void);

#endif
