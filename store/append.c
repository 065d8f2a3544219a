/* The C client of weir.append: checks and encodes events, and sends all appends of a call in one
 * pipeline, so that they are one transaction. Every event gets its id here, so that a call repeated
 * after a lost answer is absorbed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "store/store_int.h"

#define CALL_LIMIT ((size_t)256 * 1024 * 1024)
#define PARAMS 4

/* One call being built: offsets, because the shared buffer moves as it grows. */
struct draft {
    size_t events;
    char expected[24];
};

static bool check_event(const weir_new_event *event, weir_error *error)
{
    if (!event->type)
        return weir_fail(error, WEIR_FATE_POISON, "the event has no type");
    if (event->binary && !event->content_type)
        return weir_fail(error, WEIR_FATE_POISON, "binary data needs a content type");
    if (!event->binary && !weir_json_check(event->data, event->data_length, error))
        return weir_error_prefix(error, "data");
    if (event->metadata && !weir_json_check(event->metadata, strlen(event->metadata), error))
        return weir_error_prefix(error, "metadata");
    return true;
}

static void text_member(weir_buffer *out, const char *name, const char *value)
{
    weir_buffer_format(out, ",\"%s\":", name);
    weir_buffer_json(out, value, strlen(value));
}

static void base64_member(weir_buffer *out, const char *data, size_t length)
{
    weir_buffer_text(out, ",\"data_base64\":\"");
    weir_base64_encode(out, data, length);
    weir_buffer_char(out, '"');
}

static void encode_event(weir_buffer *out, const weir_new_event *event)
{
    char id[WEIR_UUID_TEXT];
    weir_uuid fresh = event->id ? *event->id : weir_uuid_new();
    weir_uuid_format(&fresh, id);
    weir_buffer_format(out, "{\"id\":\"%s\"", id);
    text_member(out, "type", event->type);
    if (event->binary) {
        base64_member(out, event->data, event->data_length);
    } else {
        weir_buffer_text(out, ",\"data\":");
        weir_buffer_append(out, event->data, event->data_length);
    }
    if (event->content_type)
        text_member(out, "datacontenttype", event->content_type);
    if (event->metadata)
        weir_buffer_format(out, ",\"metadata\":%s", event->metadata);
    if (event->time)
        text_member(out, "time", event->time);
    if (event->schema_version)
        weir_buffer_format(out, ",\"schemaversion\":%" PRId32, event->schema_version);
    weir_buffer_char(out, '}');
}

static bool encode_append(const weir_append *append, weir_buffer *out, struct draft *draft,
                          weir_error *error)
{
    draft->events = out->length;
    if (append->expected_version != WEIR_ANY_VERSION)
        snprintf(draft->expected, sizeof draft->expected, "%" PRId64, append->expected_version);
    for (size_t i = 0; i < append->count; i++) {
        if (!check_event(&append->events[i], error))
            return weir_error_prefix(error, "event %zu of %zu for %s/%s", i + 1, append->count,
                                     append->aggregate_type, append->aggregate_id);
        weir_buffer_char(out, i ? ',' : '[');
        encode_event(out, &append->events[i]);
    }
    weir_buffer_append(out, "]", 2); /* with the NUL that ends this parameter */
    if (out->overflow)
        return weir_fail(error, WEIR_FATE_POISON, "more than %zu MiB of events in one call",
                         CALL_LIMIT >> 20);
    return true;
}

static void on_version(void *context, int call, const weir_result *result)
{
    weir_append *appends = context;
    appends[call].version = weir_result_integer(result, 0, 0);
}

bool weir_store_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                       weir_error *error)
{
    weir_buffer texts = WEIR_BUFFER(CALL_LIMIT);
    struct draft *drafts = weir_calloc(count + 1, sizeof *drafts);
    weir_param *params = weir_calloc(count * PARAMS + 1, sizeof *params);
    weir_call *calls = weir_calloc(count + 1, sizeof *calls);
    int refused = 0;
    bool ok = true;
    size_t n;
    for (n = 0; ok && n < count; n++)
        ok = encode_append(&appends[n], &texts, &drafts[n], error);
    if (!ok) {
        refused = (int)n - 1;
        goto out;
    }
    for (n = 0; n < count; n++) {
        weir_param *p = &params[n * PARAMS];
        p[0] = WEIR_PARAM_TEXT(appends[n].aggregate_type);
        p[1] = WEIR_PARAM_TEXT(appends[n].aggregate_id);
        p[2] = WEIR_PARAM_TEXT(drafts[n].expected[0] ? drafts[n].expected : NULL);
        p[3] = WEIR_PARAM_TEXT(texts.data + drafts[n].events);
        calls[n] = (weir_call){"append", p, PARAMS};
    }
    ok = weir_connection_pipeline_results(store->connection, calls, (int)count, on_version, appends,
                                          &refused, error);
out:
    if (failed)
        *failed = (size_t)refused;
    free(calls);
    free(params);
    free(drafts);
    weir_buffer_free(&texts);
    return ok;
}
