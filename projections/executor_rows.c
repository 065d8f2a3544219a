/* Rows of command_streams, as the lane has them from PostgreSQL and a command handler's process
 * gets them: texts, of which binary data alone is encoded, as base64. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "projections/executor_int.h"
#include "store/upcast.h"

enum column {
    ID,
    POSITION,
    VERSION,
    EVENT_ID,
    TYPE,
    SCHEMA_VERSION,
    DATA,
    BINARY,
    CONTENT_TYPE,
    METADATA,
    TIMES, /* "time_us recorded_at_us" */
};

static bool read_binary(const char *base64, weir_arena *arena, weir_event *event)
{
    const size_t length = strlen(base64);
    char *bytes = weir_arena_alloc(arena, length / 4 * 3 + 1);
    event->binary = true;
    event->data = bytes;
    return bytes && weir_base64_decode(base64, length, bytes, &event->data_length);
}

bool weir_executor_row_read(const char *const *row, const char *aggregate_type, weir_arena *arena,
                            weir_event *event, weir_error *error)
{
    char *recorded;
    *event = (weir_event){.position = strtoll(row[POSITION], NULL, 10),
                          .aggregate_type = aggregate_type,
                          .aggregate_id = row[ID],
                          .version = strtoll(row[VERSION], NULL, 10),
                          .type = row[TYPE],
                          .schema_version = (int32_t)strtol(row[SCHEMA_VERSION], NULL, 10),
                          .content_type = row[CONTENT_TYPE],
                          .data = row[DATA],
                          .data_length = row[DATA] ? strlen(row[DATA]) : 0,
                          .metadata = row[METADATA],
                          .metadata_length = strlen(row[METADATA]),
                          .time_us = strtoll(row[TIMES], &recorded, 10)};
    event->recorded_at_us = strtoll(recorded, NULL, 10);
    if (!weir_uuid_parse(row[EVENT_ID], strlen(row[EVENT_ID]), &event->id))
        return weir_fail(error, WEIR_FATE_FATAL, "'%s' is no event id", row[EVENT_ID]);
    return row[DATA] || read_binary(row[BINARY], arena, event) || weir_batch_full(error);
}

static const char *write_data(const weir_event *event, weir_arena *arena)
{
    if (!event->binary)
        return weir_arena_copy(arena, event->data, event->data_length);
    weir_buffer base64 = WEIR_BUFFER(event->data_length * 2 + 16);
    weir_base64_encode(&base64, event->data, event->data_length);
    const char *copy = weir_arena_copy(arena, base64.length ? base64.data : "", base64.length);
    weir_buffer_free(&base64);
    return copy;
}

static bool write_row(const char **row, const weir_event *event, weir_arena *arena)
{
    char version[24];
    weir_param_integer(event->schema_version, version);
    row[DATA] = row[BINARY] = NULL;
    row[event->binary ? BINARY : DATA] = write_data(event, arena);
    row[SCHEMA_VERSION] = weir_arena_copy(arena, version, strlen(version));
    return row[event->binary ? BINARY : DATA] && row[SCHEMA_VERSION];
}

bool weir_executor_row_upcast(const char **row, size_t columns, const weir_upcasters *upcasters,
                              weir_arena *arena, bool *full, weir_error *error)
{
    weir_event event;
    weir_buffer scratch = WEIR_BUFFER(weir_arena_limit(arena));
    if (columns != WEIR_EXECUTOR_COLUMNS)
        return weir_fail(error, WEIR_FATE_FATAL, "a row of %zu columns is no event", columns);
    bool ok = weir_executor_row_read(row, "", arena, &event, error);
    const int32_t as_stored = event.schema_version;
    *full = !ok && error->fate == WEIR_FATE_RETRY;
    ok = ok && weir_upcasters_apply(upcasters, &event, &scratch, error);
    if (ok && event.schema_version != as_stored) {
        *full = !write_row(row, &event, arena);
        ok = !*full;
    }
    weir_buffer_free(&scratch);
    return ok;
}
