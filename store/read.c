/* Reading events: one aggregate's, or all through the fence.
 *
 * All reads share one column order (see store/sql/read_*.sql), binary, streamed row by row, so that
 * memory is bounded by one event. The fence: first the horizon, then, in a later statement with a
 * later snapshot, the events at or below it; and nothing is handed out before the WAL that carries
 * its commit is flushed. */
#include <string.h>

#include "store/store_int.h"

enum column {
    POSITION,
    AGGREGATE_TYPE,
    AGGREGATE_ID,
    VERSION,
    EVENT_ID,
    EVENT_TYPE,
    SCHEMA_VERSION,
    DATA,
    DATA_BINARY,
    CONTENT_TYPE,
    METADATA,
    TIME,
    RECORDED_AT,
};

struct reader {
    weir_event_fn *fn;
    void *context;
};

/* jsonb's binary form is a version byte and then the text. */
static const char *json_of(const weir_result *row, int column, size_t *length)
{
    *length = weir_result_length(row, 0, column) - 1;
    return weir_result_value(row, 0, column) + 1;
}

static bool on_row(void *context, const weir_result *row, weir_error *error)
{
    const struct reader *reader = context;
    weir_event event = {
        .position = weir_result_integer(row, 0, POSITION),
        .aggregate_type = weir_result_value(row, 0, AGGREGATE_TYPE),
        .aggregate_id = weir_result_value(row, 0, AGGREGATE_ID),
        .version = weir_result_integer(row, 0, VERSION),
        .type = weir_result_value(row, 0, EVENT_TYPE),
        .schema_version = (int32_t)weir_result_integer(row, 0, SCHEMA_VERSION),
        .content_type = weir_result_value(row, 0, CONTENT_TYPE),
        .time_us = weir_result_integer(row, 0, TIME) + WEIR_PG_EPOCH_US,
        .recorded_at_us = weir_result_integer(row, 0, RECORDED_AT) + WEIR_PG_EPOCH_US,
    };
    memcpy(event.id.bytes, weir_result_value(row, 0, EVENT_ID), sizeof event.id.bytes);
    event.metadata = json_of(row, METADATA, &event.metadata_length);
    event.binary = weir_result_value(row, 0, DATA) == NULL;
    if (event.binary) {
        event.data = weir_result_value(row, 0, DATA_BINARY);
        event.data_length = weir_result_length(row, 0, DATA_BINARY);
    } else {
        event.data = json_of(row, DATA, &event.data_length);
    }
    return reader->fn(reader->context, &event, error);
}

bool weir_store_read_stream(weir_store *store, const char *aggregate_type, const char *aggregate_id,
                            int64_t from, int64_t to, bool backwards, int64_t limit,
                            weir_event_fn *fn, void *context, weir_error *error)
{
    char texts[3][24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type),
                           WEIR_PARAM_TEXT(aggregate_id),
                           weir_param_integer(from, texts[0]),
                           weir_param_integer(to, texts[1]),
                           WEIR_PARAM_NULL,
                           weir_param_integer(limit, texts[2])};
    struct reader reader = {fn, context};
    return weir_connection_stream(store->connection,
                                  backwards ? "read_stream_backwards" : "read_stream", params, 6,
                                  on_row, &reader, error);
}

/* Asks for the horizon and, when there is something to read, makes sure that it is durable. */
static bool find_horizon(weir_store *store, int64_t after, int64_t *horizon, weir_error *error)
{
    weir_result *result = weir_connection_query(store->connection, "horizon", NULL, 0, error);
    if (!result)
        return false;
    *horizon = weir_result_integer(result, 0, 0);
    bool durable = weir_result_bool(result, 0, 1);
    weir_result_free(result);
    if (durable || *horizon <= after)
        return true;
    result = weir_connection_query(store->connection, "flush", NULL, 0, error);
    weir_result_free(result);
    return result != NULL;
}

bool weir_store_read_all(weir_store *store, const char *aggregate_type, int64_t after,
                         int64_t limit, weir_event_fn *fn, void *context, int64_t *horizon,
                         weir_error *error)
{
    int64_t upper;
    if (!find_horizon(store, after, &upper, error))
        return false;
    if (horizon)
        *horizon = upper;
    if (upper <= after)
        return true;
    char texts[3][24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), weir_param_integer(after, texts[0]),
                           weir_param_integer(upper, texts[1]), WEIR_PARAM_NULL,
                           weir_param_integer(limit, texts[2])};
    struct reader reader = {fn, context};
    int unfiltered = aggregate_type ? 0 : 1;
    return weir_connection_stream(store->connection, aggregate_type ? "read_category" : "read_all",
                                  params + unfiltered, 5 - unfiltered, on_row, &reader, error);
}

bool weir_store_stream_version(weir_store *store, const char *aggregate_type,
                               const char *aggregate_id, int64_t *version, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), WEIR_PARAM_TEXT(aggregate_id)};
    weir_result *result =
        weir_connection_query(store->connection, "stream_version", params, 2, error);
    if (!result)
        return false;
    *version = weir_result_rows(result) ? weir_result_integer(result, 0, 0) : 0;
    weir_result_free(result);
    return true;
}

struct lister {
    weir_stream_fn *fn;
    void *context;
};

static bool on_stream(void *context, const weir_result *row, weir_error *error)
{
    const struct lister *lister = context;
    return lister->fn(lister->context, weir_result_value(row, 0, 0), weir_result_value(row, 0, 1),
                      weir_result_integer(row, 0, 2), error);
}

bool weir_store_streams(weir_store *store, const char *aggregate_type, int64_t limit,
                        weir_stream_fn *fn, void *context, weir_error *error)
{
    char text[24];
    weir_param params[] = {WEIR_PARAM_TEXT(aggregate_type), weir_param_integer(limit, text)};
    struct lister lister = {fn, context};
    return weir_connection_stream(store->connection, "streams", params, 2, on_stream, &lister,
                                  error);
}
