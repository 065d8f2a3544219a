/* Appending on PostgreSQL: encodes events for weir.append and sends all appends of a call in one
 * pipeline, so that they are one transaction; sorted by aggregate if it is theirs alone, so that
 * two such calls never wait for each other. Every event gets its id here, so that a call repeated
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

void weir_new_event_write(const weir_new_event *event, weir_buffer *out)
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
        weir_buffer_char(out, i ? ',' : '[');
        weir_new_event_write(&append->events[i], out);
    }
    weir_buffer_append(out, "]", 2); /* with the NUL that ends this parameter */
    if (out->overflow)
        return weir_fail(error, WEIR_FATE_POISON, "more than %zu MiB of events in one call",
                         CALL_LIMIT >> 20);
    return true;
}

/* All that one call needs, from first to last. */
struct batch {
    weir_append *appends;
    const weir_append *
        *order; /* by aggregate, or the caller's; within one aggregate the caller's */
    struct draft *drafts;
    weir_param *params;
    weir_call *calls;
    weir_buffer texts;
};

static int by_aggregate(const void *left, const void *right)
{
    const weir_append *a = *(const weir_append *const *)left;
    const weir_append *b = *(const weir_append *const *)right;
    int order = strcmp(a->aggregate_type, b->aggregate_type);
    if (order == 0)
        order = strcmp(a->aggregate_id, b->aggregate_id);
    return order ? order : (a > b) - (a < b);
}

/* sorted: not in a transaction of the caller's, who may hold other streams already, so that no
 * order of ours prevents deadlocks, and whose own order is then worth more. */
static void batch_init(struct batch *batch, weir_append *appends, size_t count, bool sorted)
{
    *batch = (struct batch){.appends = appends, .texts = WEIR_BUFFER(CALL_LIMIT)};
    batch->order = weir_calloc(count + 1, sizeof(weir_append *));
    batch->drafts = weir_calloc(count + 1, sizeof *batch->drafts);
    batch->params = weir_calloc(count * PARAMS + 1, sizeof *batch->params);
    batch->calls = weir_calloc(count + 1, sizeof *batch->calls);
    for (size_t n = 0; n < count; n++)
        batch->order[n] = &appends[n];
    if (sorted)
        qsort(batch->order, count, sizeof(weir_append *), by_aggregate);
}

static void batch_free(struct batch *batch)
{
    free(batch->calls);
    free(batch->params);
    free(batch->drafts);
    free(batch->order);
    weir_buffer_free(&batch->texts);
}

static void make_calls(struct batch *batch, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        const struct draft *draft = &batch->drafts[n];
        weir_param *p = &batch->params[n * PARAMS];
        p[0] = WEIR_PARAM_TEXT(batch->order[n]->aggregate_type);
        p[1] = WEIR_PARAM_TEXT(batch->order[n]->aggregate_id);
        p[2] = WEIR_PARAM_TEXT(draft->expected[0] ? draft->expected : NULL);
        p[3] = WEIR_PARAM_TEXT(batch->texts.data + draft->events);
        batch->calls[n] = (weir_call){"append", p, PARAMS};
    }
}

static size_t place(const struct batch *batch, size_t n)
{
    return (size_t)(batch->order[n] - batch->appends);
}

static void on_version(void *context, int call, const weir_result *result)
{
    const struct batch *batch = context;
    batch->appends[place(batch, (size_t)call)].version = weir_result_integer(result, 0, 0);
}

bool weir_postgres_append(weir_store *store, weir_append *appends, size_t count, size_t *failed,
                          weir_error *error)
{
    struct batch batch;
    int refused = 0;
    bool ok = true;
    batch_init(&batch, appends, count, !weir_connection_in_transaction(store->connection));
    for (size_t n = 0; ok && n < count; n++) {
        ok = encode_append(batch.order[n], &batch.texts, &batch.drafts[n], error);
        refused = (int)n;
    }
    if (ok) {
        make_calls(&batch, count);
        ok = weir_connection_pipeline_results(store->connection, batch.calls, (int)count,
                                              on_version, &batch, &refused, error);
    }
    if (!ok)
        *failed = (size_t)refused < count ? place(&batch, (size_t)refused) : count;
    batch_free(&batch);
    return ok;
}
