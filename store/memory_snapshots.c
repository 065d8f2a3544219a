/* Snapshots in memory: a list at each stream, the latest version first. */
#include <stdlib.h>
#include <string.h>

#include "store/memory_int.h"

struct weir_memory_snapshot {
    weir_stored_snapshot stored; /* its texts are not set: they are the stream's */
    char *state;
    weir_memory_snapshot *next;
};

/* cut removes all but the first `keep` from a list; how many those are. */
static int64_t cut(weir_memory_snapshot **list, int64_t keep, bool execute)
{
    int64_t count = 0;
    while (*list && keep-- > 0)
        list = &(*list)->next;
    for (weir_memory_snapshot *at = *list, *next; at; at = next, count++) {
        next = at->next;
        if (execute) {
            free(at->state);
            free(at);
        }
    }
    if (execute)
        *list = NULL;
    return count;
}

void weir_memory_snapshots_free(weir_memory_stream *stream)
{
    cut(&stream->snapshots, 0, true);
}

static bool same(const weir_memory_snapshot *kept, const weir_snapshot *snapshot,
                 const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM])
{
    return kept->stored.snapshot.schema_version == snapshot->schema_version &&
           kept->stored.snapshot.length == snapshot->length &&
           memcmp(kept->state, snapshot->state, snapshot->length) == 0 &&
           memcmp(kept->stored.checksum, checksum, WEIR_SNAPSHOT_CHECKSUM) == 0;
}

/* put takes the place of one of the same version, or finds its own. */
static void put(weir_memory_stream *stream, const weir_snapshot *snapshot,
                const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM])
{
    weir_memory_snapshot **at = &stream->snapshots;
    while (*at && (*at)->stored.snapshot.version > snapshot->version)
        at = &(*at)->next;
    if (!*at || (*at)->stored.snapshot.version < snapshot->version) {
        weir_memory_snapshot *made = weir_calloc(1, sizeof *made);
        made->next = *at;
        *at = made;
    } else if (same(*at, snapshot, checksum)) {
        return;
    }
    weir_memory_snapshot *kept = *at;
    free(kept->state);
    kept->state = weir_malloc(snapshot->length + 1);
    memcpy(kept->state, snapshot->state, snapshot->length);
    kept->stored.snapshot = (weir_snapshot){.version = snapshot->version,
                                            .schema_version = snapshot->schema_version,
                                            .length = snapshot->length,
                                            .taken_at_us = weir_clock_now_us()};
    memcpy(kept->stored.checksum, checksum, WEIR_SNAPSHOT_CHECKSUM);
}

bool weir_memory_snapshot_save(weir_store *store, const weir_snapshot *snapshot,
                               const unsigned char checksum[WEIR_SNAPSHOT_CHECKSUM], int keep,
                               weir_error *error)
{
    weir_memory *memory = store->memory;
    pthread_mutex_lock(&memory->lock);
    weir_memory_stream *stream =
        weir_log_stream(memory, snapshot->aggregate_type, snapshot->aggregate_id, false);
    bool there = stream && stream->events.count >= snapshot->version;
    if (there) {
        put(stream, snapshot, checksum);
        cut(&stream->snapshots, keep, true);
    }
    pthread_mutex_unlock(&memory->lock);
    return there || weir_refuse(error, "WV002", "%s/%s has no version %lld to take a snapshot of",
                                snapshot->aggregate_type, snapshot->aggregate_id,
                                (long long)snapshot->version);
}

bool weir_memory_snapshot_find(weir_store *store, weir_stored_snapshot *found,
                               int32_t schema_version, int64_t at_most, weir_buffer *state,
                               weir_error *error)
{
    (void)error;
    weir_memory *memory = store->memory;
    const weir_snapshot named = found->snapshot;
    pthread_mutex_lock(&memory->lock);
    const weir_memory_stream *stream =
        weir_log_stream(memory, named.aggregate_type, named.aggregate_id, false);
    const weir_memory_snapshot *at = stream ? stream->snapshots : NULL;
    while (at && at->stored.snapshot.version > at_most)
        at = at->next;
    if (at) {
        *found = at->stored;
        found->snapshot.aggregate_type = named.aggregate_type;
        found->snapshot.aggregate_id = named.aggregate_id;
        found->snapshot.stream_version = stream->events.count;
        if (found->snapshot.schema_version == schema_version)
            weir_buffer_append(state, at->state, found->snapshot.length);
    }
    pthread_mutex_unlock(&memory->lock);
    return true;
}

static bool is_of(const weir_memory_stream *stream, const char *type, const char *id)
{
    return (!type || strcmp(type, stream->key) == 0) &&
           (!id || strcmp(id, stream->key + strlen(stream->key) + 1) == 0);
}

bool weir_memory_snapshot_prune(weir_store *store, const char *aggregate_type,
                                const char *aggregate_id, int64_t keep, bool execute,
                                int64_t *count, weir_error *error)
{
    (void)error;
    weir_memory *memory = store->memory;
    *count = 0;
    pthread_mutex_lock(&memory->lock);
    for (weir_memory_stream *s = memory->streams; s; s = s->hh.next)
        if (is_of(s, aggregate_type, aggregate_id))
            *count += cut(&s->snapshots, keep, execute);
    pthread_mutex_unlock(&memory->lock);
    return true;
}

static int by_aggregate_and_version(const void *left, const void *right)
{
    const weir_snapshot *a = left, *b = right;
    int order = strcmp(a->aggregate_type, b->aggregate_type);
    if (order == 0)
        order = strcmp(a->aggregate_id, b->aggregate_id);
    return order ? order : (a->version < b->version) - (a->version > b->version);
}

/* The list is copied, with texts that live as long as the log, and handed over without the lock. */
static weir_snapshot *copy_all(weir_memory *memory, const char *type, const char *id, size_t *count)
{
    weir_snapshot *all = NULL;
    size_t capacity = 0;
    pthread_mutex_lock(&memory->lock);
    for (weir_memory_stream *s = memory->streams; s; s = s->hh.next) {
        for (const weir_memory_snapshot *at = is_of(s, type, id) ? s->snapshots : NULL; at;
             at = at->next) {
            if (*count == capacity) {
                capacity = capacity ? capacity * 2 : 64;
                all = weir_realloc(all, capacity * sizeof *all);
            }
            all[*count] = at->stored.snapshot;
            all[*count].aggregate_type = s->key;
            all[(*count)++].aggregate_id = s->key + strlen(s->key) + 1;
        }
    }
    pthread_mutex_unlock(&memory->lock);
    return all;
}

bool weir_memory_snapshot_list(weir_store *store, const char *aggregate_type,
                               const char *aggregate_id, weir_snapshot_fn *fn, void *context,
                               weir_error *error)
{
    size_t count = 0;
    bool ok = true;
    weir_snapshot *all = copy_all(store->memory, aggregate_type, aggregate_id, &count);
    if (count)
        qsort(all, count, sizeof *all, by_aggregate_and_version);
    for (size_t i = 0; ok && i < count; i++)
        ok = fn(context, &all[i], error);
    free(all);
    return ok;
}
