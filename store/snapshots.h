/* Snapshots of aggregates: the state at a version, as msgpack, so that a load replays only what
 * came later.
 *
 * Never the truth: one that is missing, of another schema or damaged costs time, nothing else; it
 * is passed over, counted (weir_snapshots_unusable_total) and said once in the log. When to take
 * one is for snapshot_policy.h. By the thread of the store handle. */
#ifndef WEIR_STORE_SNAPSHOTS_H
#define WEIR_STORE_SNAPSHOTS_H

#include "store/store.h"

typedef struct weir_snapshot {
    const char *aggregate_type;
    const char *aggregate_id;
    int64_t version;        /* of the aggregate when it was taken; 0: there is none */
    int32_t schema_version; /* of the state's form: weir_aggregate_class.snapshot_schema */
    const char *state;      /* msgpack; NULL in a list */
    size_t length;
    int64_t taken_at_us;    /* microseconds since 1970, the store's clock; set by the store */
    int64_t stream_version; /* set by load: the aggregate's when the snapshot was found */
} weir_snapshot;

/* weir_snapshot_save keeps a snapshot with its checksum and removes all but the latest `keep` (at
 * least 1) of that aggregate. Saving one that is there already changes nothing; another state or
 * schema of the same version replaces what was there. POISON for a version that the aggregate does
 * not have. Part of the transaction that is open on the connection, if one is. */
WEIR_MUST_USE bool weir_snapshot_save(weir_store *store, const weir_snapshot *snapshot, int keep,
                                      weir_error *error);

/* weir_snapshot_load finds the latest one of this schema version at or below a version of the
 * aggregate (INT64_MAX: any); found->version is 0 when there is none that can be used. found->state
 * points into bytes; a state over its limit cannot be used. found names the type and id that were
 * given. One round trip unless some are passed over. */
WEIR_MUST_USE bool weir_snapshot_load(weir_store *store, const char *aggregate_type,
                                      const char *aggregate_id, int32_t schema_version,
                                      int64_t at_most, weir_buffer *bytes, weir_snapshot *found,
                                      weir_error *error);

/* weir_snapshot_forget removes all snapshots of an aggregate, as after a rewrite of its events.
 * Needs the admin's rights, as does prune. */
WEIR_MUST_USE bool weir_snapshot_forget(weir_store *store, const char *aggregate_type,
                                        const char *aggregate_id, weir_error *error);

/* weir_snapshot_prune removes all but the latest `keep` (0: all) of each aggregate of a type (NULL:
 * of all types). Without execute it only counts. *count is how many are too many. */
WEIR_MUST_USE bool weir_snapshot_prune(weir_store *store, const char *aggregate_type, int64_t keep,
                                       bool execute, int64_t *count, weir_error *error);

/* weir_snapshot_list hands over the snapshots of a type (NULL: all) and of one aggregate of it
 * (NULL: all), in (type, id) order, latest first; state is NULL, length what it would have. fn must
 * not use the store. */
typedef bool weir_snapshot_fn(void *context, const weir_snapshot *snapshot, weir_error *error);
WEIR_MUST_USE bool weir_snapshot_list(weir_store *store, const char *aggregate_type,
                                      const char *aggregate_id, weir_snapshot_fn *fn, void *context,
                                      weir_error *error);

#endif
