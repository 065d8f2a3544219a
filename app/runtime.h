/* The subscriptions of one process: every projection, handler, saga and command handler of the
 * configuration, or those named, each in a thread of its own. Opened, started and joined by one
 * thread; health by any. */
#ifndef WEIR_APP_RUNTIME_H
#define WEIR_APP_RUNTIME_H

#include <pthread.h>
#include <stdatomic.h>

#include "consumer/letter_topic.h"
#include "projections/executor.h"
#include "projections/external.h"
#include "projections/projections.h"
#include "sagas/sagas.h"
#include "store/upcast.h"

typedef struct weir_member {
    struct weir_runtime *runtime;
    weir_projection *projection; /* one of these four */
    weir_external *external;
    weir_saga *saga;
    weir_executor *executor;
    weir_saga_clock *clock; /* of a saga that runs */
    weir_subscription *subscription;
    pthread_t thread;
    bool started;
    bool failed; /* it stopped itself; valid once joined */
} weir_member;

typedef struct weir_runtime {
    const weir_config *config;
    weir_stop *stop;
    weir_projections projections;
    weir_externals externals;
    weir_sagas sagas;
    weir_executors executors;
    weir_upcasters *upcasters;
    weir_member *members;
    size_t count;
    const char **names; /* of the members that run */
    weir_letter_topics *letters;
    bool all; /* handlers, sagas and command handlers, too */
    bool once;
} weir_runtime;

/* weir_runtime_load loads the upcasters and the projections and selects those named (none: all).
 * NOT_FOUND for a name that there is not. */
WEIR_MUST_USE bool weir_runtime_load(weir_runtime *runtime, const weir_config *config,
                                     weir_stop *stop, const char *const *names, size_t count,
                                     weir_error *error);

/* weir_runtime_load_all does so with handlers in other languages, sagas and command handlers, too.
 */
WEIR_MUST_USE bool weir_runtime_load_all(weir_runtime *runtime, const weir_config *config,
                                         weir_stop *stop, const char *const *names, size_t count,
                                         weir_error *error);

/* The subscription's name, its kind (projection, handler, saga, command), and the aggregate types
 * that it reads. */
const char *weir_member_kind(const weir_member *member);
const char *weir_member_name(const weir_member *member);
const char *const *weir_member_types(const weir_member *member);

/* The topics that it reads instead, which weir did not write; NULL: none. */
const weir_foreign *weir_member_foreign(const weir_member *member);

/* weir_runtime_check prepares every statement against the store, waiting for a store that does not
 * answer, and makes the subscriptions. Nothing runs yet. */
WEIR_MUST_USE bool weir_runtime_check(weir_runtime *runtime, weir_error *error);

WEIR_MUST_USE bool weir_runtime_start(weir_runtime *runtime, bool once, weir_error *error);

/* weir_runtime_join waits for all of them, and until the dead letters that they left are published;
 * *failed is how many stopped themselves. */
void weir_runtime_join(weir_runtime *runtime, size_t *failed);
void weir_runtime_free(weir_runtime *runtime);

#endif
