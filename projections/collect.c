/* Turns a batch of events into calls of prepared statements.
 *
 * each: event by event. aggregate: in waves, where a wave has at most the next event of every
 * aggregate, so that a statement sees many rows and still never two of one aggregate; linear in the
 * batch, however its events are spread. batch: each run of consecutive events of one handler. code:
 * the code says.
 * Everything handed out lives in the batch's arena. It must never change the order of two events of
 * one aggregate. */
#include <arpa/inet.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "projections/handler_int.h"
#include "store/codec.h"

/* One event's numbers in PostgreSQL's wire format; its texts are sent from where they are. */
typedef struct scalars {
    int64_t position, version, time, recorded_at;
    int32_t schema_version;
} scalars;

static weir_param binary(const void *bytes, int length)
{
    return (weir_param){bytes, length, true};
}

/* What jsonb gets of an event's data; text NULL is SQL's NULL, for content that is neither JSON nor
 * msgpack. */
typedef struct json {
    const char *text;
    size_t length;
} json;

static bool find_json(const weir_event *event, weir_arena *arena, json *data, weir_error *error)
{
    *data = event->binary ? (json){0} : (json){event->data, event->data_length};
    if (!event->binary || !weir_is_msgpack(event->content_type))
        return true;
    weir_buffer text = WEIR_BUFFER(weir_msgpack_json_limit(event->data_length));
    bool ok = weir_msgpack_to_json(event->data, event->data_length, &text, error);
    if (!ok)
        weir_error_prefix(error, "data");
    else
        *data = (json){weir_arena_copy(arena, text.data, text.length), text.length};
    weir_buffer_free(&text);
    return ok && (data->text || weir_batch_full(error));
}

static const weir_param *one_event(const weir_event *event, weir_arena *arena, weir_error *error)
{
    json data;
    if (!find_json(event, arena, &data, error))
        return NULL;
    scalars *s = weir_arena_alloc(arena, sizeof *s);
    weir_param *params = weir_arena_alloc(arena, WEIR_EVENT_COLUMNS * sizeof *params);
    if (!s || !params) {
        weir_batch_full(error);
        return NULL;
    }
    s->position = (int64_t)htobe64((uint64_t)event->position);
    s->version = (int64_t)htobe64((uint64_t)event->version);
    s->time = (int64_t)htobe64((uint64_t)(event->time_us - WEIR_PG_EPOCH_US));
    s->recorded_at = (int64_t)htobe64((uint64_t)(event->recorded_at_us - WEIR_PG_EPOCH_US));
    s->schema_version = (int32_t)htonl((uint32_t)event->schema_version);
    const weir_param values[WEIR_EVENT_COLUMNS] = {
        binary(&s->position, 8),
        WEIR_PARAM_TEXT(event->aggregate_type),
        WEIR_PARAM_TEXT(event->aggregate_id),
        binary(&s->version, 8),
        binary(event->id.bytes, 16),
        WEIR_PARAM_TEXT(event->type),
        binary(&s->schema_version, 4),
        WEIR_PARAM_TEXT(data.text),
        WEIR_PARAM_TEXT(event->metadata ? event->metadata : "{}"),
        binary(&s->time, 8),
        binary(&s->recorded_at, 8),
    };
    memcpy(params, values, sizeof values);
    return params;
}

static const weir_pg_type column_types[WEIR_EVENT_COLUMNS] = {
    WEIR_PG_INT8,  WEIR_PG_TEXT,        WEIR_PG_TEXT,        WEIR_PG_INT8,
    WEIR_PG_UUID,  WEIR_PG_TEXT,        WEIR_PG_INT4,        WEIR_PG_JSONB,
    WEIR_PG_JSONB, WEIR_PG_TIMESTAMPTZ, WEIR_PG_TIMESTAMPTZ,
};

static bool add_event(weir_array *arrays, const weir_event *event, weir_arena *arena,
                      weir_error *error)
{
    json data;
    if (!find_json(event, arena, &data, error))
        return false;
    const char *metadata = event->metadata ? event->metadata : "{}";
    weir_array_int64(&arrays[0], event->position);
    weir_array_text(&arrays[1], event->aggregate_type, strlen(event->aggregate_type));
    weir_array_text(&arrays[2], event->aggregate_id, strlen(event->aggregate_id));
    weir_array_int64(&arrays[3], event->version);
    weir_array_uuid(&arrays[4], &event->id);
    weir_array_text(&arrays[5], event->type, strlen(event->type));
    weir_array_int32(&arrays[6], event->schema_version);
    weir_array_jsonb(&arrays[7], data.text, data.length);
    weir_array_jsonb(&arrays[8], metadata,
                     event->metadata ? event->metadata_length : strlen(metadata));
    weir_array_time(&arrays[9], event->time_us);
    weir_array_time(&arrays[10], event->recorded_at_us);
    return true;
}

static bool add_events(weir_feeder *feeder, const weir_batch *batch, const uint32_t *indexes,
                       size_t count, weir_error *error)
{
    for (size_t i = 0; i < WEIR_EVENT_COLUMNS; i++)
        weir_array_begin(&feeder->arrays[i], column_types[i]);
    for (size_t i = 0; i < count; i++)
        if (!add_event(feeder->arrays, &batch->events[indexes[i]], batch->arena, error))
            return false;
    return true;
}

static const weir_param *many_events(weir_feeder *feeder, const weir_batch *batch,
                                     const uint32_t *indexes, size_t count, weir_error *error)
{
    weir_param *params = weir_arena_alloc(batch->arena, WEIR_EVENT_COLUMNS * sizeof *params);
    bool fits = params != NULL;
    if (fits && !add_events(feeder, batch, indexes, count, error))
        return NULL;
    for (size_t i = 0; fits && i < WEIR_EVENT_COLUMNS; i++) {
        params[i] = weir_array_param(&feeder->arrays[i]);
        fits = !feeder->arrays[i].bytes.overflow;
        if (!fits)
            break;
        params[i].value = weir_arena_copy(batch->arena, params[i].value, (size_t)params[i].length);
        fits = params[i].value != NULL;
    }
    if (!fits)
        weir_batch_full(error);
    return fits ? params : NULL;
}

/* Adds the calls of one handler for these events: its statements in order. */
static bool add_calls(weir_feeder *feeder, const weir_batch *batch, const weir_on *on,
                      const uint32_t *indexes, size_t count, weir_calls *calls, weir_error *error)
{
    const weir_param *params = count == 1
                                   ? one_event(&batch->events[indexes[0]], batch->arena, error)
                                   : many_events(feeder, batch, indexes, count, error);
    if (!params)
        return false;
    for (size_t i = 0; i < on->count; i++) {
        const weir_statement *statement = &feeder->projection->handlers[on->first + i];
        weir_call call = {count == 1 ? statement->name : statement->many, params,
                          WEIR_EVENT_COLUMNS};
        if (!weir_calls_add(calls, call, count == 1 ? indexes[0] : SIZE_MAX, statement->label,
                            error))
            return false;
    }
    return true;
}

/* The events that some handler wants, by index and `on`; in the arena. */
typedef struct wanted {
    uint32_t *index, *on;
    size_t count;
} wanted;

static bool find_wanted(const weir_projection *projection, const weir_batch *batch, wanted *w)
{
    *w = (wanted){weir_arena_alloc(batch->arena, batch->count * sizeof(uint32_t)),
                  weir_arena_alloc(batch->arena, batch->count * sizeof(uint32_t)), 0};
    if (!w->index || !w->on)
        return false;
    for (size_t i = 0; i < batch->count; i++) {
        int on = weir_projection_route(projection, batch->events[i].type);
        if (on < 0)
            continue;
        w->index[w->count] = (uint32_t)i;
        w->on[w->count++] = (uint32_t)on;
    }
    return true;
}

/* Runs of the same value of `by` become one statement each; in each there are no runs. */
static bool add_runs(weir_feeder *feeder, const weir_batch *batch, const wanted *w,
                     const uint32_t *by, bool single, weir_calls *calls, weir_error *error)
{
    for (size_t from = 0, to; from < w->count; from = to) {
        to = from + 1;
        while (!single && to < w->count && w->on[to] == w->on[from] && (!by || by[to] == by[from]))
            to++;
        if (!add_calls(feeder, batch, &feeder->projection->ons[w->on[from]], w->index + from,
                       to - from, calls, error))
            return false;
    }
    return true;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 1099511628211u; /* FNV-1a, the NUL included */
    while (*text++);
    return hash;
}

static bool same_aggregate(const weir_event *a, const weir_event *b)
{
    return strcmp(a->aggregate_id, b->aggregate_id) == 0 &&
           strcmp(a->aggregate_type, b->aggregate_type) == 0;
}

/* Numbers each event within its aggregate, from 0: its wave. Returns the number of waves, 0 when
 * the arena is full. An open-addressing table of the last event seen of every aggregate. */
static size_t number_waves(const weir_batch *batch, const wanted *w, uint32_t *wave)
{
    size_t slots = 16, waves = 0;
    while (slots < w->count * 2)
        slots *= 2;
    uint32_t *last = weir_arena_alloc(batch->arena, slots * sizeof *last);
    if (!last)
        return 0;
    memset(last, 0xff, slots * sizeof *last);
    for (size_t i = 0; i < w->count; i++) {
        const weir_event *event = &batch->events[w->index[i]];
        uint64_t hash =
            hash_text(hash_text(14695981039346656037u, event->aggregate_id), event->aggregate_type);
        size_t slot = (size_t)hash & (slots - 1);
        while (last[slot] != UINT32_MAX &&
               !same_aggregate(&batch->events[w->index[last[slot]]], event))
            slot = (slot + 1) & (slots - 1);
        wave[i] = last[slot] == UINT32_MAX ? 0 : wave[last[slot]] + 1;
        last[slot] = (uint32_t)i;
        waves = wave[i] + 1 > waves ? wave[i] + 1 : waves;
    }
    return waves;
}

/* A stable counting sort of order by key; keys are below count_keys. */
static bool sort_by(weir_arena *arena, const uint32_t *key, size_t keys, uint32_t *order,
                    size_t count)
{
    uint32_t *start = weir_arena_alloc(arena, (keys + 1) * sizeof *start);
    uint32_t *sorted = weir_arena_alloc(arena, count * sizeof *sorted);
    if (!start || !sorted)
        return false;
    memset(start, 0, (keys + 1) * sizeof *start);
    for (size_t i = 0; i < count; i++)
        start[key[i] + 1]++;
    for (size_t i = 0; i < keys; i++)
        start[i + 1] += start[i];
    for (size_t i = 0; i < count; i++)
        sorted[start[key[order[i]]]++] = order[i];
    memcpy(order, sorted, count * sizeof *sorted);
    return true;
}

static bool permute(weir_arena *arena, const uint32_t *order, uint32_t *values, size_t count)
{
    uint32_t *moved = weir_arena_alloc(arena, count * sizeof *moved);
    if (!moved)
        return false;
    for (size_t i = 0; i < count; i++)
        moved[i] = values[order[i]];
    memcpy(values, moved, count * sizeof *moved);
    return true;
}

static bool add_waves(weir_feeder *feeder, const weir_batch *batch, wanted *w, weir_calls *calls,
                      weir_error *error)
{
    weir_arena *arena = batch->arena;
    uint32_t *wave = weir_arena_alloc(arena, w->count * sizeof *wave);
    uint32_t *order = weir_arena_alloc(arena, w->count * sizeof *order);
    size_t waves = wave && order ? number_waves(batch, w, wave) : 0;
    if (waves == 0)
        return weir_batch_full(error);
    for (size_t i = 0; i < w->count; i++)
        order[i] = (uint32_t)i;
    if (!sort_by(arena, w->on, feeder->projection->on_count, order, w->count) ||
        !sort_by(arena, wave, waves, order, w->count) ||
        !permute(arena, order, w->index, w->count) || !permute(arena, order, w->on, w->count) ||
        !permute(arena, order, wave, w->count))
        return weir_batch_full(error);
    return add_runs(feeder, batch, w, wave, false, calls, error);
}

/* A plan made while a table was empty scans all of it, and is kept. So the plans are forgotten each
 * time the number of events has doubled: PostgreSQL then sees the sizes of today. */
static bool add_replan(weir_feeder *feeder, size_t events, weir_calls *calls, weir_error *error)
{
    feeder->events += events;
    if (feeder->events < feeder->replan_at)
        return true;
    feeder->replan_at = feeder->events * 2;
    return weir_calls_add(calls, (weir_call){"projection_replan", NULL, 0}, SIZE_MAX, NULL, error);
}

bool weir_feeder_collect(void *session, const weir_batch *batch, bool one_by_one, weir_calls *calls,
                         weir_error *error)
{
    weir_feeder *feeder = session;
    weir_apply apply = feeder->projection->apply;
    wanted w;
    if (!find_wanted(feeder->projection, batch, &w))
        return weir_batch_full(error);
    if (w.count == 0)
        return true;
    if (!one_by_one && !add_replan(feeder, w.count, calls, error))
        return false;
    if (apply == WEIR_APPLY_CODE)
        return weir_plugin_collect(feeder->code, batch, w.index, w.count, calls, error);
    if (apply == WEIR_APPLY_AGGREGATE && !one_by_one)
        return add_waves(feeder, batch, &w, calls, error);
    return add_runs(feeder, batch, &w, NULL, one_by_one || apply == WEIR_APPLY_EACH, calls, error);
}
