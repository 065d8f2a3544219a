/* The repository's cache: released aggregates, bounded by number, bytes and time.
 *
 * An entry is moved in and out, never shared, so nobody sees a state that another changes. The
 * first in the table is the least recently used. The time to live counts from an aggregate's first
 * release and goes on through all others, so that one in constant use is read anew as well. It
 * knows nothing of the store: whether an entry is fresh is the repository's question. */
#include "store/repository_int.h"

static void remove_entry(weir_cache *cache, weir_aggregate *aggregate)
{
    HASH_DEL(cache->entries, aggregate);
    cache->bytes -= weir_aggregate_bytes(aggregate);
}

/* What has long not been used goes: all that has expired, and then until what is coming fits. */
static void make_room(weir_cache *cache, size_t entries, size_t bytes, int64_t now_us)
{
    while (cache->entries && (cache->entries->expires_us <= now_us ||
                              HASH_COUNT(cache->entries) + entries > cache->most_entries ||
                              cache->bytes + bytes > cache->most_bytes)) {
        weir_aggregate *oldest = cache->entries;
        remove_entry(cache, oldest);
        weir_aggregate_free(oldest);
    }
}

weir_aggregate *weir_cache_take(weir_cache *cache, const char *aggregate_id, int64_t now_us)
{
    weir_aggregate *found;
    make_room(cache, 0, 0, now_us);
    HASH_FIND_STR(cache->entries, aggregate_id, found);
    if (!found)
        return NULL;
    remove_entry(cache, found);
    if (found->expires_us > now_us)
        return found;
    weir_aggregate_free(found);
    return NULL;
}

void weir_cache_put(weir_cache *cache, weir_aggregate *aggregate, int64_t now_us)
{
    size_t bytes = weir_aggregate_bytes(aggregate);
    weir_cache_drop(cache, aggregate->id);
    make_room(cache, 1, bytes, now_us);
    if (aggregate->expires_us == 0)
        aggregate->expires_us = now_us + cache->ttl_us;
    if (cache->most_entries == 0 || bytes > cache->most_bytes || aggregate->expires_us <= now_us) {
        weir_aggregate_free(aggregate);
        return;
    }
    HASH_ADD_KEYPTR(hh, cache->entries, aggregate->id, strlen(aggregate->id), aggregate);
    cache->bytes += bytes;
}

void weir_cache_drop(weir_cache *cache, const char *aggregate_id)
{
    weir_aggregate *found;
    HASH_FIND_STR(cache->entries, aggregate_id, found);
    if (!found)
        return;
    remove_entry(cache, found);
    weir_aggregate_free(found);
}

void weir_cache_clear(weir_cache *cache)
{
    make_room(cache, 0, 0, INT64_MAX);
}
