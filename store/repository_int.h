/* The inside of a repository, for store/ only. */
#ifndef WEIR_STORE_REPOSITORY_INT_H
#define WEIR_STORE_REPOSITORY_INT_H

#include "store/aggregate_int.h"
#include "store/repository.h"

/* Released aggregates by id, the least recently used first. */
typedef struct weir_cache {
    weir_aggregate *entries; /* a uthash: it iterates in the order of insertion */
    size_t most_entries, most_bytes;
    int64_t ttl_us;
    size_t bytes;
} weir_cache;

struct weir_repository {
    weir_store *store;
    const weir_aggregate_class *of;
    int retries, backoff_ms, backoff_most_ms;
    weir_snapshot_policy snapshots;
    weir_cache cache;
    weir_aggregate *unsettled; /* of the last execute: a save whose answer never came */
    weir_metric *conflicts, *hits, *misses, *snapshot_failures;
};

/* weir_cache_take takes an aggregate out; NULL when it is not there or too old. */
weir_aggregate *weir_cache_take(weir_cache *cache, const char *aggregate_id, int64_t now_us);

/* weir_cache_put puts one in, in place of another of its id, and makes room for it. */
void weir_cache_put(weir_cache *cache, weir_aggregate *aggregate, int64_t now_us);
void weir_cache_drop(weir_cache *cache, const char *aggregate_id);
void weir_cache_clear(weir_cache *cache);

/* weir_repository_restore starts an aggregate at its latest usable snapshot at or below a version,
 * or leaves it at version 0. The version that the store has of it now, as far as that came along;
 * else WEIR_UNKNOWN_VERSION. */
#define WEIR_UNKNOWN_VERSION (-1)
int64_t weir_repository_restore(weir_repository *repository, weir_aggregate *aggregate,
                                int64_t at_most);

/* weir_repository_consider takes a snapshot when the policy says that one is due. */
void weir_repository_consider(weir_repository *repository, weir_aggregate *aggregate);

#endif
