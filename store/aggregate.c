/* One aggregate in memory: a state, the version that the store has of it, and what was raised
 * since.
 *
 * The invariant: the state is the fold of all stored events up to the version and then of all
 * pending ones, or the instance is broken and says so. What is raised is copied, bounded, and
 * complete: id, time and metadata are fixed, so that saving it twice is saving it once. It never
 * talks to a store. */
#include "store/aggregate.h"

#include <stdlib.h>
#include <string.h>

#include "store/aggregate_int.h"

#define PENDING_BYTES ((size_t)64 * 1024 * 1024)
#define METADATA_BYTES ((size_t)1024 * 1024)

weir_aggregate *weir_aggregate_new(const weir_aggregate_class *of, const char *aggregate_id)
{
    weir_aggregate *aggregate = weir_calloc(1, sizeof *aggregate);
    aggregate->of = of;
    aggregate->id = weir_strdup(aggregate_id);
    aggregate->state = weir_calloc(1, of->size ? of->size : 1);
    if (of->init)
        of->init(aggregate->state);
    return aggregate;
}

static void drop_pending(weir_aggregate *aggregate)
{
    weir_arena_free(aggregate->arena);
    free(aggregate->pending);
    aggregate->arena = NULL;
    aggregate->pending = NULL;
    aggregate->count = aggregate->capacity = 0;
}

void weir_aggregate_free(weir_aggregate *aggregate)
{
    if (!aggregate)
        return;
    if (aggregate->of->clear)
        aggregate->of->clear(aggregate->state);
    drop_pending(aggregate);
    free(aggregate->context);
    free(aggregate->state);
    free(aggregate->id);
    free(aggregate);
}

void weir_aggregate_reset(weir_aggregate *aggregate)
{
    if (aggregate->of->clear)
        aggregate->of->clear(aggregate->state);
    memset(aggregate->state, 0, aggregate->of->size);
    if (aggregate->of->init)
        aggregate->of->init(aggregate->state);
    drop_pending(aggregate);
    aggregate->version = aggregate->snapshot_version = aggregate->snapshot_us = 0;
    aggregate->broken = aggregate->undecided = false;
}

void weir_aggregate_settle(weir_aggregate *aggregate, int64_t version)
{
    drop_pending(aggregate);
    aggregate->version = version;
    aggregate->undecided = false;
}

size_t weir_aggregate_bytes(const weir_aggregate *aggregate)
{
    const weir_aggregate_class *of = aggregate->of;
    return sizeof *aggregate + strlen(aggregate->id) + 1 + of->size +
           (of->owned ? of->owned(aggregate->state) : 0);
}

static bool apply(weir_aggregate *aggregate, const weir_event *event, weir_error *error)
{
    if (strcmp(event->type, WEIR_TOMBSTONE) == 0 ||
        aggregate->of->apply(aggregate->state, event, error))
        return true;
    aggregate->broken = true;
    return weir_error_prefix(error, "%s/%s, version %lld, %s", aggregate->of->type, aggregate->id,
                             (long long)event->version, event->type);
}

bool weir_aggregate_fold(weir_aggregate *aggregate, const weir_event *event, weir_error *error)
{
    if (event->version != aggregate->version + 1 || aggregate->count > 0)
        return weir_fail(error, WEIR_FATE_FATAL,
                         "%s/%s is at version %lld with %zu events pending; version %lld is not "
                         "its next one",
                         aggregate->of->type, aggregate->id, (long long)aggregate->version,
                         aggregate->count, (long long)event->version);
    if (strcmp(event->aggregate_type, aggregate->of->type) != 0)
        return weir_fail(error, WEIR_FATE_POISON, "an event of %s is none of %s",
                         event->aggregate_type, aggregate->of->type);
    if (!apply(aggregate, event, error))
        return false;
    aggregate->version = event->version;
    return true;
}

static const char *copy_text(weir_arena *arena, const char *text)
{
    return text ? weir_arena_copy(arena, text, strlen(text)) : NULL;
}

/* Its time is fixed here too: the state that it leads to must be what a later fold leads to. */
static const char *time_of(weir_arena *arena, const weir_new_event *event)
{
    char now[WEIR_TIME_TEXT];
    weir_clock_format(weir_clock_now_us(), now);
    return copy_text(arena, event->time ? event->time : now);
}

static const weir_uuid *id_of(weir_arena *arena, const weir_new_event *event)
{
    weir_uuid id = event->id ? *event->id : weir_uuid_new();
    return (const weir_uuid *)(void *)weir_arena_copy(arena, &id, sizeof id);
}

/* complete copies an event into the arena, with all that makes it the same event ever after. */
static bool complete(weir_aggregate *aggregate, const weir_new_event *event, weir_new_event *made,
                     weir_error *error)
{
    weir_arena *arena = aggregate->arena;
    weir_buffer metadata = WEIR_BUFFER(METADATA_BYTES);
    bool ok = weir_context_metadata(aggregate->context, event->metadata, &metadata, error);
    if (!ok)
        goto out;
    *made = *event;
    made->type = copy_text(arena, event->type);
    made->data = weir_arena_copy(arena, event->data, event->data_length);
    made->content_type = copy_text(arena, event->content_type);
    made->metadata = weir_arena_copy(arena, metadata.data, metadata.length);
    made->time = time_of(arena, event);
    made->id = id_of(arena, event);
    made->schema_version = event->schema_version ? event->schema_version : 1;
    if (!made->type || !made->data || !made->metadata || !made->time || !made->id ||
        (event->content_type && !made->content_type))
        ok = weir_fail(error, WEIR_FATE_POISON, "more than %zu MiB of events raised at once",
                       PENDING_BYTES >> 20);
out:
    weir_buffer_free(&metadata);
    return ok;
}

/* As the store will show it, but for what only the store can say. */
static bool as_stored(const weir_aggregate *aggregate, const weir_new_event *made,
                      weir_event *event, weir_error *error)
{
    *event = (weir_event){
        .aggregate_type = aggregate->of->type,
        .aggregate_id = aggregate->id,
        .version = aggregate->version + (int64_t)aggregate->count + 1,
        .id = *made->id,
        .type = made->type,
        .schema_version = made->schema_version,
        .content_type = made->content_type ? made->content_type : "application/json",
        .data = made->data,
        .data_length = made->data_length,
        .binary = made->binary,
        .metadata = made->metadata,
        .metadata_length = strlen(made->metadata),
    };
    return weir_clock_parse(made->time, strlen(made->time), &event->time_us, error);
}

static bool may_raise(const weir_aggregate *aggregate, const weir_new_event *event,
                      weir_error *error)
{
    if (aggregate->past)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s/%s was loaded as of earlier: load it as it is to change it",
                         aggregate->of->type, aggregate->id);
    if (aggregate->undecided)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "the answer to the last save of %s/%s was lost: save it again first",
                         aggregate->of->type, aggregate->id);
    if (!event->type || !event->data)
        return weir_fail(error, WEIR_FATE_POISON, "an event needs a type and data");
    return true;
}

static void keep(weir_aggregate *aggregate, const weir_new_event *made)
{
    if (aggregate->count == aggregate->capacity) {
        aggregate->capacity = aggregate->capacity ? aggregate->capacity * 2 : 4;
        aggregate->pending =
            weir_realloc(aggregate->pending, aggregate->capacity * sizeof *aggregate->pending);
    }
    aggregate->pending[aggregate->count++] = *made;
}

bool weir_aggregate_raise(weir_aggregate *aggregate, const weir_new_event *event, weir_error *error)
{
    weir_new_event made;
    weir_event stored;
    if (!may_raise(aggregate, event, error))
        return false;
    if (!aggregate->arena)
        aggregate->arena = weir_arena_new(PENDING_BYTES);
    if (!complete(aggregate, event, &made, error) || !as_stored(aggregate, &made, &stored, error)) {
        aggregate->broken = true;
        return weir_error_prefix(error, "%s/%s, %s", aggregate->of->type, aggregate->id,
                                 event->type);
    }
    if (!apply(aggregate, &stored, error))
        return false;
    keep(aggregate, &made);
    return true;
}

void weir_aggregate_set_context(weir_aggregate *aggregate, const weir_message_context *context)
{
    free(aggregate->context);
    aggregate->context = context ? weir_context_copy(context) : NULL;
}

bool weir_aggregate_sound(const weir_aggregate *aggregate)
{
    return !aggregate->broken;
}

const void *weir_aggregate_state(const weir_aggregate *aggregate)
{
    return aggregate->state;
}

int64_t weir_aggregate_version(const weir_aggregate *aggregate)
{
    return aggregate->version;
}

int64_t weir_aggregate_snapshot_version(const weir_aggregate *aggregate)
{
    return aggregate->snapshot_version;
}

const char *weir_aggregate_id(const weir_aggregate *aggregate)
{
    return aggregate->id;
}

const weir_new_event *weir_aggregate_pending(const weir_aggregate *aggregate, size_t *count)
{
    *count = aggregate->count;
    return aggregate->pending;
}
