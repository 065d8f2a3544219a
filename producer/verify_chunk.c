/* Reading the store's side, a chunk at a time: copied, so that the connection is free between
 * chunks and no snapshot is held while Kafka is waited for. Each event learns its partition and the
 * event before it there, from which the chain follows. */
#include <string.h>

#include "producer/verify_int.h"

#define CHUNK_BYTES ((size_t)4 << 20) /* and one event more */
#define HORIZON_MS 50
#define HORIZON_SAID_MS 10000

static const char *copy(weir_verify *verify, const char *text, size_t length)
{
    const char *copied = weir_arena_copy(verify->arena, text, length);
    if (!copied)
        weir_out_of_memory(length); /* the arena takes any chunk and the largest event */
    return copied;
}

static weir_expected *keep(weir_verify *verify, const weir_event *event)
{
    weir_expected *kept = weir_arena_alloc(verify->arena, sizeof *kept);
    if (!kept)
        weir_out_of_memory(sizeof *kept);
    *kept = (weir_expected){.event = *event};
    kept->event.aggregate_type = verify->type;
    kept->event.aggregate_id = copy(verify, event->aggregate_id, strlen(event->aggregate_id));
    kept->event.type = copy(verify, event->type, strlen(event->type));
    kept->event.content_type = copy(verify, event->content_type, strlen(event->content_type));
    kept->event.data = copy(verify, event->data, event->data_length);
    kept->event.metadata = copy(verify, event->metadata, event->metadata_length);
    return kept;
}

static void deal_out(weir_verify *verify, weir_expected *event)
{
    const char *id = event->event.aggregate_id;
    event->partition =
        verify->partitions > 0 ? weir_verify_partition(id, strlen(id), verify->partitions) : 0;
    weir_verify_part *part = &verify->parts[event->partition];
    event->previous = part->latest;
    part->latest = event->event.position;
    if (part->last)
        part->last->next = event;
    else
        part->first = event;
    part->last = event;
}

/* Ending a read early needs an error; this one is nobody's. */
static bool enough(weir_error *error)
{
    return weir_fail(error, WEIR_FATE_RETRY, "enough");
}

static bool on_event(void *context, const weir_event *event, weir_error *error)
{
    weir_verify *verify = context;
    if (event->position > verify->horizon) {
        verify->last_chunk = true;
        return enough(error);
    }
    if (weir_arena_used(verify->arena) > CHUNK_BYTES)
        return enough(error);
    deal_out(verify, keep(verify, event));
    verify->chunk_end = event->position;
    verify->chunk_events++;
    return true;
}

/* wait_for_horizon: an appender holds it back again, which shows in `weir relay status`. */
static void wait_for_horizon(weir_verify *verify)
{
    weir_stop_wait(verify->stop, HORIZON_MS);
    verify->waited_ms += HORIZON_MS;
    if (verify->waited_ms == HORIZON_SAID_MS)
        WEIR_WARN("verify", verify->type,
                  "waiting for an open transaction that appended: `weir relay status` shows it");
}

bool weir_verify_chunk(weir_verify *verify, weir_error *error)
{
    weir_error ended;
    weir_read next = {
        .aggregate_type = verify->type, .after = verify->chunk_end, .limit = verify->chunk_most};
    weir_arena_reset(verify->arena);
    for (int i = 0; i < verify->count; i++)
        verify->parts[i].first = verify->parts[i].last = NULL;
    verify->chunk_events = 0;
    bool all = weir_store_read(verify->store, &next, on_event, verify, &ended);
    bool early = verify->last_chunk || weir_arena_used(verify->arena) > CHUNK_BYTES;
    if (!all && (!early || !weir_store_alive(verify->store))) {
        *error = ended;
        return false;
    }
    bool came_to_horizon = all && verify->chunk_events < verify->chunk_most;
    if (came_to_horizon && next.horizon < verify->horizon)
        wait_for_horizon(verify);
    else
        verify->last_chunk = verify->last_chunk || came_to_horizon;
    if (verify->last_chunk)
        verify->chunk_end = verify->horizon;
    verify->counts.events += verify->chunk_events;
    return true;
}

/* Reading what is missing again, hole by hole. */
typedef struct visit {
    weir_verify *verify;
    weir_missing_fn *fn;
    void *context;
    int32_t partition;
    int64_t previous, last;
    bool beyond; /* the hole */
    bool enough; /* for whom it is read */
} visit;

static bool on_missing(void *context, const weir_event *event, weir_error *error)
{
    visit *at = context;
    const char *id = event->aggregate_id;
    int partitions = at->verify->partitions;
    at->beyond = event->position > at->last;
    if (at->beyond)
        return enough(error);
    if (partitions > 0 && weir_verify_partition(id, strlen(id), partitions) != at->partition)
        return true;
    weir_missing missing = {at->partition, at->previous, event};
    at->previous = event->position;
    return at->fn(at->context, &missing, &at->enough, error) && (!at->enough || enough(error));
}

static bool visit_hole(visit *at, const weir_hole *hole, weir_error *error)
{
    weir_error ended;
    weir_read what = {.aggregate_type = at->verify->type,
                      .after = hole->first - 1,
                      .limit = hole->last - hole->first + 1};
    at->previous = hole->before;
    at->last = hole->last;
    at->beyond = false;
    if (weir_store_read(at->verify->store, &what, on_missing, at, &ended) ||
        ((at->beyond || at->enough) && weir_store_alive(at->verify->store)))
        return true;
    *error = ended;
    return false;
}

bool weir_verify_missing(weir_verify *verify, weir_missing_fn *fn, void *context, weir_error *error)
{
    visit at = {.verify = verify, .fn = fn, .context = context};
    for (; at.partition < verify->count; at.partition++) {
        const weir_holes *holes = &verify->parts[at.partition].holes;
        for (size_t hole = 0; hole < holes->count && !at.enough; hole++)
            if (!visit_hole(&at, &holes->list[hole], error))
                return false;
    }
    return true;
}
