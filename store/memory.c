/* A store in memory, for tests: one log, any number of handles on it, one lock.
 *
 * It keeps the contract of PostgreSQL's store and its words (tests/integration/test_contract_*.c);
 * what it has not is durability and SQL. An append is visible as a whole when the lock is released,
 * in the order of positions: there is nothing to fence, the horizon is the last position. */
#include "store/memory_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_EVENT_BYTES 900000 /* as store.max_event_bytes has it by default */
#define STOP_CHECK_MS 50       /* the stop wakes no condition variable: it is looked at */

weir_memory *weir_memory_new(void)
{
    weir_memory *memory = weir_calloc(1, sizeof *memory);
    weir_uuid id = weir_uuid_new();
    pthread_condattr_t clock;
    weir_uuid_format(&id, memory->id);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&memory->grown, &clock);
    pthread_condattr_destroy(&clock);
    pthread_mutex_init(&memory->lock, NULL);
    return memory;
}

void weir_memory_free(weir_memory *memory)
{
    weir_memory_stream *stream, *next;
    if (!memory)
        return;
    HASH_CLEAR(hh, memory->by_id);
    HASH_ITER(hh, memory->streams, stream, next)
    {
        HASH_DEL(memory->streams, stream);
        weir_memory_snapshots_free(stream);
        free(stream->events.records);
        free(stream->key);
        free(stream);
    }
    for (int64_t i = 0; i < memory->log.count; i++)
        weir_record_free(memory->log.records[i]);
    free(memory->log.records);
    pthread_mutex_destroy(&memory->lock);
    pthread_cond_destroy(&memory->grown);
    free(memory);
}

static void wait_for_more(weir_store *store, int64_t beyond, int milliseconds)
{
    weir_memory *memory = store->memory;
    int64_t until = weir_clock_monotonic_us() + (int64_t)milliseconds * 1000, now;
    pthread_mutex_lock(&memory->lock);
    while (memory->log.count <= beyond && !weir_stop_requested(store->stop) &&
           (now = weir_clock_monotonic_us()) < until) {
        int64_t next = until - now < STOP_CHECK_MS * 1000 ? until : now + STOP_CHECK_MS * 1000;
        struct timespec time = {next / 1000000, next % 1000000 * 1000};
        pthread_cond_timedwait(&memory->grown, &memory->lock, &time);
    }
    pthread_mutex_unlock(&memory->lock);
}

static bool alive(const weir_store *store)
{
    (void)store;
    return true;
}

static void let_go(weir_store *store)
{
    store->memory = NULL;
}

static const weir_backend in_memory = {
    .append = weir_memory_append,
    .read = weir_memory_read,
    .stream_version = weir_memory_stream_version,
    .streams = weir_memory_streams,
    .snapshot_save = weir_memory_snapshot_save,
    .snapshot_find = weir_memory_snapshot_find,
    .snapshot_prune = weir_memory_snapshot_prune,
    .snapshot_list = weir_memory_snapshot_list,
    .wait = wait_for_more,
    .alive = alive,
    .close = let_go,
};

weir_store *weir_memory_open(weir_memory *memory, weir_stop *stop)
{
    weir_store *store = weir_calloc(1, sizeof *store);
    store->backend = &in_memory;
    store->memory = memory;
    store->stop = stop;
    store->number = 1;
    store->max_event_bytes = MAX_EVENT_BYTES;
    snprintf(store->id, sizeof store->id, "%s", memory->id);
    return store;
}
