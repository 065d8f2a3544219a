/* The batch of an import.
 *
 * Bounded in events and bytes: one line of the greatest length and what it is read into fit. A
 * batch is sent whole or not at all; GIVE_UP_US without a success ends the retrying, since somebody
 * is waiting for the command. */
#include "app/import_int.h"

#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES ((size_t)4 * 1024 * 1024)
#define ARENA ((size_t)96 * 1024 * 1024)
#define GIVE_UP_US (INT64_C(60) * 1000 * 1000)

void weir_importer_open(weir_importer *importer, weir_session *session, const char *name,
                        const char *aggregate_type)
{
    *importer = (weir_importer){.session = session, .name = name, .arena = weir_arena_new(ARENA)};
    importer->aggregate_type = aggregate_type;
}

void weir_importer_close(weir_importer *importer)
{
    weir_arena_free(importer->arena);
    weir_store_close(importer->store);
}

bool weir_importer_connect(weir_importer *importer, weir_error *error)
{
    importer->store = weir_session_store(importer->session, error);
    return importer->store != NULL;
}

bool weir_importer_full(const weir_importer *importer, size_t length)
{
    return importer->count == WEIR_IMPORT_BATCH ||
           (importer->count > 0 && importer->bytes + length > BATCH_BYTES);
}

void weir_importer_drop(weir_importer *importer)
{
    weir_arena_reset(importer->arena);
    importer->count = 0;
    importer->bytes = 0;
}

bool weir_importer_add(weir_importer *importer, const char *line, size_t length, int64_t number,
                       weir_error *error)
{
    weir_cloudevent *event = &importer->events[importer->count];
    char *copy = weir_arena_copy(importer->arena, line, length);
    if (!copy)
        return weir_fail(error, WEIR_FATE_POISON, "the event is too large to read");
    if (!weir_cloudevent_read(copy, length, importer->aggregate_type, importer->arena, event,
                              error))
        return false;
    event->event.id = &event->id;
    importer->lines[importer->count++] = number;
    importer->bytes += length;
    importer->read++;
    return true;
}

/* append_all fills and sends the appends; on an error that an event causes it names the line. */
static bool append_all(weir_importer *importer, weir_error *error)
{
    weir_append appends[WEIR_IMPORT_BATCH];
    size_t failed = importer->count;
    for (size_t i = 0; i < importer->count; i++)
        appends[i] = (weir_append){.aggregate_type = importer->events[i].aggregate_type,
                                   .aggregate_id = importer->events[i].aggregate_id,
                                   .expected_version = WEIR_ANY_VERSION,
                                   .events = &importer->events[i].event,
                                   .count = 1};
    if (weir_store_append(importer->store, appends, importer->count, &failed, error))
        return true;
    if (error->fate != WEIR_FATE_RETRY && failed < importer->count)
        weir_error_prefix(error, "%s:%lld", importer->name, (long long)importer->lines[failed]);
    return false;
}

/* count_added counts the batch's events that this transaction inserted. */
static bool count_added(weir_importer *importer, int64_t *added, weir_error *error)
{
    weir_array types = {.bytes = WEIR_BUFFER((size_t)1024 * 1024)};
    weir_array ids = {.bytes = WEIR_BUFFER((size_t)1024 * 1024)};
    weir_array_begin(&types, WEIR_PG_TEXT);
    weir_array_begin(&ids, WEIR_PG_UUID);
    for (size_t i = 0; i < importer->count; i++) {
        const char *type = importer->events[i].aggregate_type;
        weir_array_text(&types, type, strlen(type));
        weir_array_uuid(&ids, &importer->events[i].id);
    }
    weir_param params[] = {weir_array_param(&types), weir_array_param(&ids)};
    weir_result *result = weir_connection_query(weir_store_connection(importer->store),
                                                "cli_import_added", params, 2, error);
    if (result)
        *added = weir_result_integer(result, 0, 0);
    weir_result_free(result);
    weir_array_free(&types);
    weir_array_free(&ids);
    return result != NULL;
}

/* try sends the batch once; the transaction is over afterwards, either way. */
static bool try(weir_importer *importer, weir_error *error)
{
    int64_t added = 0;
    if (!importer->store && !weir_importer_connect(importer, error))
        return false;
    weir_connection *connection = weir_store_connection(importer->store);
    if (weir_connection_execute(connection, "BEGIN", error) && append_all(importer, error) &&
        count_added(importer, &added, error) &&
        weir_connection_execute(connection, "COMMIT", error)) {
        importer->sent += (int64_t)importer->count;
        importer->added += added;
        return true;
    }
    weir_error ignored;
    if (!weir_connection_alive(connection) ||
        (weir_connection_in_transaction(connection) &&
         !weir_connection_execute(connection, "ROLLBACK", &ignored))) {
        weir_store_close(importer->store);
        importer->store = NULL;
    }
    return false;
}

bool weir_importer_send(weir_importer *importer, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = 20, .max_ms = 2000};
    int64_t until = weir_clock_monotonic_us() + GIVE_UP_US;
    if (importer->count == 0)
        return true;
    while (!try(importer, error)) {
        if (error->fate != WEIR_FATE_RETRY || weir_clock_monotonic_us() > until ||
            weir_stop_wait(&importer->session->stop, weir_backoff_next(&backoff)))
            return false;
    }
    weir_importer_drop(importer);
    return true;
}
