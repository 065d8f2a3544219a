/* Reading events on PostgreSQL: one aggregate's, or many through the fence.
 *
 * All reads share one column order (see store/sql/read_*.sql), binary, streamed row by row, so that
 * memory is bounded by one event; many events page by page, so that a slow receiver holds no old
 * snapshot for the length of its read. The fence: first the horizon, then, in a later statement
 * with a later snapshot, the events at or below it; and nothing is handed out before the WAL that
 * carries its commit is flushed. */
#include <stdio.h>
#include <string.h>

#include "store/store_int.h"

#define PAGE 5000
#define FLUSH_WAITS 3 /* of a millisecond */

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
    int64_t position; /* of the last event */
    int64_t count;    /* of this page */
};

/* jsonb's binary form is a version byte and then the text. */
static const char *json_of(const weir_result *row, int column, size_t *length)
{
    *length = weir_result_length(row, 0, column) - 1;
    return weir_result_value(row, 0, column) + 1;
}

static bool on_row(void *context, const weir_result *row, weir_error *error)
{
    struct reader *reader = context;
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
    reader->position = event.position;
    reader->count++;
    return reader->fn(reader->context, &event, error);
}

/* How a read finds its events: by which statement, and by which value. */
typedef struct path {
    const char *forwards, *backwards;
    const char *value; /* the statement's first parameter, unless it has none */
} path;

static path path_of(const weir_read *what)
{
    if (what->aggregate_type)
        return (path){"read_category", "read_category_backwards", what->aggregate_type};
    if (what->event_type)
        return (path){"read_event_type", "read_event_type_backwards", what->event_type};
    if (what->correlation_id)
        return (path){"read_correlation", "read_correlation_backwards", what->correlation_id};
    if (what->causation_id)
        return (path){"read_causation", "read_causation_backwards", what->causation_id};
    if (what->user_id)
        return (path){"read_user", "read_user_backwards", what->user_id};
    return (path){"read_all", "read_all_backwards", NULL};
}

/* The parameters that all reads end with: as of when, and how many. */
static weir_param as_of(const weir_read *what, char text[WEIR_TIME_TEXT])
{
    if (what->as_of_us == 0)
        return WEIR_PARAM_NULL;
    weir_clock_format(what->as_of_us, text);
    return WEIR_PARAM_TEXT(text);
}

static weir_param limit(int64_t events, char text[24])
{
    return events > 0 ? weir_param_integer(events, text) : WEIR_PARAM_NULL;
}

static bool read_stream(weir_store *store, const weir_read *what, struct reader *reader,
                        weir_error *error)
{
    char from[24], to[24], most[24], time[WEIR_TIME_TEXT];
    weir_param params[] = {WEIR_PARAM_TEXT(what->aggregate_type),
                           WEIR_PARAM_TEXT(what->aggregate_id),
                           weir_param_integer(what->from, from),
                           weir_param_integer(what->to ? what->to : INT64_MAX, to),
                           as_of(what, time),
                           limit(what->limit, most)};
    return weir_connection_stream(store->connection,
                                  what->backwards ? "read_stream_backwards" : "read_stream", params,
                                  6, on_row, reader, error);
}

/* What is not flushed yet is nearly always another appender's transaction under way, whose commit
 * will flush it: for a moment that is waited for, since flushing ourselves costs the appenders. */
static bool wait_for_flush(weir_store *store, const char *wal, bool *durable, weir_error *error)
{
    weir_param params[] = {WEIR_PARAM_TEXT(wal)};
    for (int i = 0; i < FLUSH_WAITS && !*durable; i++) {
        weir_stop_wait(store->stop, 1);
        weir_result *result = weir_connection_query(store->connection, "durable", params, 1, error);
        if (!result)
            return false;
        *durable = weir_result_bool(result, 0, 0);
        weir_result_free(result);
    }
    return true;
}

static bool flush(weir_store *store, const char *wal, weir_error *error)
{
    bool durable = false;
    if (!wait_for_flush(store, wal, &durable, error))
        return false;
    if (durable)
        return true;
    weir_result *result = weir_connection_query(store->connection, "flush", NULL, 0, error);
    weir_result_free(result);
    return result != NULL;
}

/* Asks for the horizon and, when there may be something to read, makes sure that it is durable. */
static bool find_horizon(weir_store *store, weir_read *what, weir_error *error)
{
    char wal[24];
    if (what->through > 0) {
        what->horizon = what->through;
        return true;
    }
    weir_result *result = weir_connection_query(store->connection, "horizon", NULL, 0, error);
    if (!result)
        return false;
    what->horizon = weir_result_integer(result, 0, 0);
    snprintf(wal, sizeof wal, "%s", weir_result_value(result, 0, 1));
    bool durable = weir_result_bool(result, 0, 2);
    bool same = weir_result_integer(result, 0, 3) == store->table;
    weir_result_free(result);
    if (!same)
        return weir_fail(error, WEIR_FATE_RETRY,
                         "the schema was restored or made anew while it was read");
    return durable || (!what->backwards && what->horizon <= what->after) ||
           flush(store, wal, error);
}

/* read_page reads the next events below or above *from, at most so many. */
static bool read_page(weir_store *store, const weir_read *what, int64_t from, int64_t events,
                      struct reader *reader, weir_error *error)
{
    char start[24], end[24], most[24], time[WEIR_TIME_TEXT];
    path by = path_of(what);
    weir_param params[] = {WEIR_PARAM_TEXT(by.value), weir_param_integer(from, start),
                           weir_param_integer(what->horizon, end), as_of(what, time),
                           limit(events, most)};
    int skip = by.value ? 0 : 1;
    return weir_connection_stream(store->connection, what->backwards ? by.backwards : by.forwards,
                                  params + skip, 5 - skip, on_row, reader, error);
}

bool weir_postgres_read(weir_store *store, weir_read *what, weir_event_fn *fn, void *context,
                        weir_error *error)
{
    struct reader reader = {.fn = fn, .context = context};
    if (what->aggregate_id)
        return read_stream(store, what, &reader, error);
    if (!find_horizon(store, what, error))
        return false;
    int64_t left = what->limit > 0 ? what->limit : INT64_MAX;
    reader.position = what->backwards && what->after == 0 ? INT64_MAX : what->after;
    while (left > 0 && (what->backwards || reader.position < what->horizon)) {
        int64_t page = left < PAGE ? left : PAGE;
        reader.count = 0;
        if (!read_page(store, what, reader.position, page, &reader, error))
            return false;
        left -= reader.count;
        if (reader.count < page)
            break;
    }
    return true;
}
