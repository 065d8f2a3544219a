/* When to take a snapshot: a pure decision, made after a load or a save. Any thread. */
#ifndef WEIR_STORE_SNAPSHOT_POLICY_H
#define WEIR_STORE_SNAPSHOT_POLICY_H

#include "config/config.h"

typedef struct weir_snapshot_policy {
    bool by_size;   /* auto: the more events an aggregate has, the more lie between two */
    bool lazily;    /* after a load that was slow or replayed much */
    int64_t every;  /* events since the last one; 0: not by number */
    int64_t age_us; /* since the last one was taken, microseconds; 0: not by age */
    int keep;       /* how many of an aggregate are kept, at least 1 */
} weir_snapshot_policy;

/* weir_snapshot_policy_parse reads "none", or one or more of "auto", "every:100", "age:1h" (s, m,
 * h, d) and "lazy", separated by commas; any of them that asks for a snapshot gets one. keep is
 * left alone. CONFIG. */
WEIR_MUST_USE bool weir_snapshot_policy_parse(const char *text, weir_snapshot_policy *policy,
                                              weir_error *error);

/* weir_snapshot_policy_configure takes the policy from snapshots.policy and snapshots.keep. CONFIG
 * names where the setting stands. */
WEIR_MUST_USE bool weir_snapshot_policy_configure(const weir_config *config,
                                                  weir_snapshot_policy *policy, weir_error *error);

/* weir_snapshot_due decides for an aggregate at a version whose latest snapshot is of
 * last_snapshot_version, taken at last_snapshot_us (0 and 0: it has none). replayed is how many
 * events the load applied, load_us how long it took (0: there was no load). Times in microseconds
 * since 1970, durations in microseconds. Never due when nothing has happened since the latest. */
bool weir_snapshot_due(const weir_snapshot_policy *policy, int64_t version,
                       int64_t last_snapshot_version, int64_t last_snapshot_us, int64_t replayed,
                       int64_t load_us, int64_t now_us);

#endif
