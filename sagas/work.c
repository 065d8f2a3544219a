/* Instances between their rows and their streams. What is written comes last in a transaction, in
 * the order of ids: an append holds every reader of the store back until its commit, and who takes
 * rows in another order than the next one waits for it for ever. */
#include <stdlib.h>
#include <string.h>

#include "sagas/saga_int.h"

#define JSON_LIMIT ((size_t)256 << 20)

enum column {
    ID,
    VERSION,
    DEFINITION,
    STATE,
    STEP,
    ATTEMPT,
    WAITING,
    DATA,
    REASON,
    CORRELATION,
    REQUEST,
};

static weir_saga_state state_of(const char *name)
{
    int state = 0;
    while (weir_saga_state_names[state] && strcmp(weir_saga_state_names[state], name) != 0)
        state++;
    return (weir_saga_state)state;
}

static bool copy(const weir_result *row, int at, enum column column, weir_arena *arena,
                 const char **text)
{
    const char *value = weir_result_value(row, at, (int)column);
    *text = value ? weir_arena_copy(arena, value, strlen(value)) : NULL;
    return *text || !value;
}

bool weir_saga_work_read(weir_saga_work *work, const weir_result *row, int at, weir_arena *arena,
                         weir_error *error)
{
    weir_saga_instance *i = &work->instance;
    const char *request = weir_result_value(row, at, REQUEST);
    *work = (weir_saga_work){.loaded = weir_result_integer(row, at, VERSION),
                             .output = {.arena = arena}};
    i->version = work->loaded;
    i->definition = weir_result_integer(row, at, DEFINITION);
    i->state = state_of(weir_result_value(row, at, STATE));
    i->attempt = weir_result_integer(row, at, ATTEMPT);
    i->waiting = weir_result_bool(row, at, WAITING);
    if (request)
        memcpy(i->request_id, request, sizeof i->request_id);
    return (copy(row, at, ID, arena, &i->id) && copy(row, at, STEP, arena, &i->step) &&
            copy(row, at, DATA, arena, &i->data) && copy(row, at, REASON, arena, &i->reason) &&
            copy(row, at, CORRELATION, arena, &i->correlation_id)) ||
           weir_batch_full(error);
}

static void put_text(weir_buffer *json, const char *name, const char *value)
{
    weir_buffer_format(json, ",\"%s\":", name);
    if (value)
        weir_buffer_json(json, value, strlen(value));
    else
        weir_buffer_text(json, "null");
}

static void put_instance(weir_buffer *json, const weir_saga_instance *i)
{
    weir_buffer_format(json, "%s{\"version\":%lld,\"definition\":%lld,\"attempt\":%lld",
                       json->length > 1 ? "," : "", (long long)i->version, (long long)i->definition,
                       (long long)i->attempt);
    put_text(json, "id", i->id);
    put_text(json, "state", weir_saga_state_names[i->state]);
    put_text(json, "step", i->step);
    put_text(json, "reason", i->reason);
    put_text(json, "correlation_id", i->correlation_id);
    put_text(json, "request_id", i->request_id[0] ? i->request_id : NULL);
    weir_buffer_format(json, ",\"waiting\":%s,\"timer\":%d,\"due_ms\":%lld,\"data\":",
                       i->waiting ? "true" : "false", (int)i->timer, (long long)i->due_ms);
    weir_buffer_text(json, i->data);
    weir_buffer_char(json, '}');
}

/* A call with the saga's name and a JSON text, which is freed. */
static bool add_call(weir_calls *calls, const char *statement, const char *saga, weir_buffer *json,
                     weir_error *error)
{
    weir_param *params = weir_arena_alloc(calls->arena, 2 * sizeof *params);
    char *text = NULL;
    if (params && !json->overflow)
        text = weir_arena_copy(calls->arena, json->data, json->length);
    weir_buffer_free(json);
    if (!text)
        return weir_batch_full(error);
    params[0] = WEIR_PARAM_TEXT(saga);
    params[1] = WEIR_PARAM_TEXT(text);
    return weir_calls_add(calls, (weir_call){statement, params, 2}, SIZE_MAX, statement, error);
}

static void put_event(weir_buffer *json, const weir_new_event *event, bool first)
{
    char id[WEIR_UUID_TEXT];
    weir_buffer_text(json, first ? "{\"type\":" : ",{\"type\":");
    weir_buffer_json(json, event->type, strlen(event->type));
    if (event->id) {
        weir_uuid_format(event->id, id);
        weir_buffer_format(json, ",\"id\":\"%s\"", id);
    }
    weir_buffer_text(json, ",\"metadata\":");
    weir_buffer_text(json, event->metadata);
    weir_buffer_text(json, ",\"data\":");
    weir_buffer_append(json, event->data, event->data_length);
    weir_buffer_char(json, '}');
}

static void put_stream(weir_buffer *json, const weir_saga_work *work)
{
    weir_buffer_text(json, json->length > 1 ? ",{\"id\":" : "{\"id\":");
    weir_buffer_json(json, work->instance.id, strlen(work->instance.id));
    weir_buffer_format(json, ",\"version\":%lld,\"events\":[", (long long)work->loaded);
    for (size_t i = 0; i < work->output.count; i++)
        put_event(json, &work->output.events[i], i == 0);
    weir_buffer_text(json, "]}");
}

bool weir_saga_work_save(const char *saga, const weir_saga_work *work, size_t count,
                         weir_calls *calls, weir_error *error)
{
    weir_buffer rows = WEIR_BUFFER(JSON_LIMIT), streams = WEIR_BUFFER(JSON_LIMIT);
    weir_buffer_char(&rows, '[');
    weir_buffer_char(&streams, '[');
    for (size_t i = 0; i < count; i++) {
        if (!work[i].instance.changed)
            continue;
        put_instance(&rows, &work[i].instance);
        put_stream(&streams, &work[i]);
    }
    if (rows.length == 1) {
        weir_buffer_free(&rows);
        weir_buffer_free(&streams);
        return true;
    }
    weir_buffer_char(&rows, ']');
    weir_buffer_char(&streams, ']');
    bool ok = add_call(calls, "saga_save", saga, &rows, error);
    if (!ok)
        weir_buffer_free(&streams);
    return ok && add_call(calls, "append_many", saga, &streams, error);
}
