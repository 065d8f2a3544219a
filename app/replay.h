/* The state of one aggregate as its class sees it: built from a snapshot, if one may be used, and
 * the events after it. One thread. */
#ifndef WEIR_APP_REPLAY_H
#define WEIR_APP_REPLAY_H

#include "app/session.h"
#include "store/plugins.h"
#include "store/repository.h"

typedef struct weir_replay {
    weir_plugins *plugins;
    weir_upcasters *upcasters;
    weir_store *store;
    weir_repository *repository;
    const weir_aggregate_class *class;
    weir_aggregate *aggregate; /* as it is so far */
    bool snapshots;            /* whether one may be used; true at first */
} weir_replay;

/* weir_replay_open loads the plug-ins, finds the class of the type, which must have snapshots, and
 * opens the store. Close it whatever it returns. */
WEIR_MUST_USE bool weir_replay_open(weir_replay *replay, weir_session *session, const char *type,
                                    weir_error *error);
void weir_replay_close(weir_replay *replay);

/* weir_replay_version finds which version an aggregate had at a time (0: now), or checks that it
 * has the one wanted (0: the latest). NOT_FOUND when it did not exist then or has no such one. */
WEIR_MUST_USE bool weir_replay_version(weir_replay *replay, const char *id, int64_t as_of_us,
                                       int64_t wanted, int64_t *version, weir_error *error);

/* weir_replay_to begins anew and builds the state at a version (INT64_MAX: the latest). */
WEIR_MUST_USE bool weir_replay_to(weir_replay *replay, const char *id, int64_t version,
                                  weir_error *error);

/* weir_replay_on goes on to a version and shows every event with the state after it to fn. */
WEIR_MUST_USE bool weir_replay_on(weir_replay *replay, int64_t version, weir_event_fn *fn,
                                  void *context, weir_error *error);

/* weir_replay_state gives the state as msgpack, weir_replay_json as JSON; malloc'd by the buffer,
 * whose limit they set. */
WEIR_MUST_USE bool weir_replay_state(const weir_replay *replay, weir_buffer *msgpack,
                                     weir_error *error);
WEIR_MUST_USE bool weir_replay_json(const weir_replay *replay, weir_buffer *json,
                                    weir_error *error);

#endif
