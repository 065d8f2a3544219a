/* A batch of requests in a command handler's process: which were executed before, which aggregates
 * the others are for, those folded from their events, each request executed, and what was raised
 * handed over as appends.
 *
 * It asks twice, whatever the size of the batch. An event that a request has caused is the one
 * proof that it was executed, so each must leave one; a request with that proof reaches none of the
 * plug-in's code again. Appends are the last that it says, in the order of ids. */
#include <stdlib.h>
#include <string.h>

#include "base/json_walk.h"
#include "projections/executor_int.h"

#define LIST_LIMIT ((size_t)1 << 20)   /* ids of a batch */
#define PART_BYTES ((size_t)1 << 20)   /* of appends in one statement, or those of one aggregate */
#define APPEND_LIMIT ((size_t)1 << 28) /* more than a frame may have, which says so */
#define ARENA ((size_t)1 << 28)        /* of decoded binary data, for one event at a time */

/* A request that is to be executed. */
typedef struct job {
    size_t request; /* of the batch */
    char id[WEIR_ID_SIZE];
    weir_aggregate *aggregate;
} job;

typedef struct batch {
    const weir_plugin_command *command;
    weir_transaction *transaction;
    const weir_event *requests;
    size_t count;
    job *jobs; /* in the order of requests */
    size_t job_count;
    job **sorted; /* by id, then by request */
    weir_aggregate **aggregates;
    size_t aggregate_count;
    weir_arena *arena;
} batch;

static void put_id(weir_buffer *list, const char *id)
{
    weir_buffer_char(list, list->length ? ',' : '[');
    weir_buffer_json(list, id, strlen(id));
}

static const weir_rows *ask(const batch *b, const char *statement, weir_buffer *list,
                            weir_error *error)
{
    weir_buffer_char(list, ']');
    const weir_rows *rows = weir_transaction_query(
        b->transaction, statement,
        WEIR_PARAMS(WEIR_PARAM_TEXT(b->command->aggregate->type), WEIR_PARAM_TEXT(list->data)),
        error);
    weir_buffer_free(list);
    return rows;
}

static const weir_rows *find_executed(const batch *b, weir_error *error)
{
    char id[WEIR_UUID_TEXT];
    weir_buffer list = WEIR_BUFFER(LIST_LIMIT);
    for (size_t i = 0; i < b->count; i++) {
        weir_uuid_format(&b->requests[i].id, id);
        put_id(&list, id);
    }
    return ask(b, "command_executed", &list, error);
}

static bool was_executed(const weir_rows *executed, const weir_event *request)
{
    char id[WEIR_UUID_TEXT];
    weir_uuid_format(&request->id, id);
    for (size_t i = 0; i < executed->count; i++)
        if (strcmp(weir_rows_value(executed, i, 0), id) == 0)
            return true;
    return false;
}

static bool find_jobs(batch *b, weir_error *error)
{
    const weir_rows *executed = find_executed(b, error);
    if (!executed)
        return false;
    for (size_t i = 0; i < b->count; i++) {
        job *j = &b->jobs[b->job_count];
        if (was_executed(executed, &b->requests[i]))
            continue;
        weir_transaction_at(b->transaction, i);
        if (!b->command->target(&b->requests[i], j->id, error))
            return false;
        if (!memchr(j->id, '\0', sizeof j->id))
            return weir_fail(error, WEIR_FATE_POISON, "its target is longer than an aggregate id");
        j->request = i;
        b->job_count += j->id[0] != '\0';
    }
    return true;
}

static int by_id(const void *one, const void *other)
{
    const job *a = *(job *const *)one, *b = *(job *const *)other;
    int order = strcmp(a->id, b->id);
    return order ? order : (a->request > b->request) - (a->request < b->request);
}

/* One aggregate for each id, empty yet, in the order of ids. */
static void make_aggregates(batch *b)
{
    for (size_t i = 0; i < b->job_count; i++)
        b->sorted[i] = &b->jobs[i];
    qsort(b->sorted, b->job_count, sizeof(job *), by_id);
    for (size_t i = 0; i < b->job_count; i++) {
        job *j = b->sorted[i];
        if (i == 0 || strcmp(j->id, b->sorted[i - 1]->id) != 0)
            b->aggregates[b->aggregate_count++] = weir_aggregate_new(b->command->aggregate, j->id);
        j->aggregate = b->aggregates[b->aggregate_count - 1];
    }
}

static bool fold_row(batch *b, weir_aggregate *aggregate, const char *const *row, weir_error *error)
{
    weir_event event;
    weir_arena_reset(b->arena);
    return weir_executor_row_read(row, b->command->aggregate->type, b->arena, &event, error) &&
           weir_aggregate_fold(aggregate, &event, error);
}

/* What cannot be folded is laid to the first request for that aggregate. */
static bool load(batch *b, weir_error *error)
{
    weir_buffer list = WEIR_BUFFER(LIST_LIMIT);
    for (size_t i = 0; i < b->aggregate_count; i++)
        put_id(&list, weir_aggregate_id(b->aggregates[i]));
    weir_transaction_at(b->transaction, b->job_count == 1 ? b->jobs[0].request : SIZE_MAX);
    const weir_rows *rows = ask(b, "command_streams", &list, error);
    if (rows && rows->count > 0 && rows->columns != WEIR_EXECUTOR_COLUMNS)
        return weir_fail(error, WEIR_FATE_FATAL, "rows of %zu columns are no events",
                         rows->columns);
    for (size_t i = 0, at = 0; rows && i < rows->count; i++) {
        const char *const *row = rows->values + i * rows->columns;
        while (at < b->job_count && strcmp(b->sorted[at]->id, row[0]) < 0)
            at++;
        if (at == b->job_count || strcmp(b->sorted[at]->id, row[0]) != 0)
            return weir_fail(error, WEIR_FATE_FATAL, "nobody asked for %s", row[0]);
        weir_transaction_at(b->transaction, b->sorted[at]->request);
        if (!fold_row(b, b->sorted[at]->aggregate, row, error))
            return false;
    }
    return rows != NULL;
}

static bool has_cause(const weir_new_event *event, const char *id)
{
    weir_json_walk walk;
    weir_slice key, value;
    bool is_object = weir_json_object(&walk, event->metadata, strlen(event->metadata));
    while (is_object && weir_json_next(&walk, &key, &value))
        if (weir_json_is(key, "causationid"))
            return weir_json_is(value, id);
    return false;
}

/* What is wrong with what a request has raised would be found at the append, too late to say whose
 * it was. */
static bool check_raised(const job *j, const weir_event *request, size_t before, weir_error *error)
{
    char id[WEIR_UUID_TEXT];
    size_t count;
    const weir_new_event *events = weir_aggregate_pending(j->aggregate, &count);
    weir_uuid_format(&request->id, id);
    if (!weir_aggregate_sound(j->aggregate))
        return weir_fail(error, WEIR_FATE_POISON, "it went on after an event was refused");
    if (count == before)
        return weir_fail(error, WEIR_FATE_POISON,
                         "it has raised nothing: only an event shows that a request was executed");
    for (size_t i = before; i < count; i++) {
        if (!events[i].binary && !weir_json_check(events[i].data, events[i].data_length, error))
            return weir_error_prefix(error, "%s", events[i].type);
        if (!has_cause(&events[i], id))
            return weir_fail(error, WEIR_FATE_POISON,
                             "%s: its metadata says another causationid than the request's",
                             events[i].type);
    }
    return true;
}

static bool execute(const batch *b, const job *j, weir_error *error)
{
    size_t before;
    const weir_event *request = &b->requests[j->request];
    weir_message_context *context = weir_context_caused_by(request);
    weir_aggregate_pending(j->aggregate, &before);
    weir_aggregate_set_context(j->aggregate, context);
    free(context);
    weir_transaction_at(b->transaction, j->request);
    return b->command->execute(j->aggregate, request, error) &&
           check_raised(j, request, before, error);
}

static bool send(const batch *b, weir_buffer *streams, weir_error *error)
{
    weir_buffer_char(streams, ']');
    if (streams->overflow)
        return weir_fail(error, WEIR_FATE_POISON, "more than %zu MiB of events raised at once",
                         APPEND_LIMIT >> 20);
    bool ok = weir_transaction_exec(
        b->transaction, "append_many",
        WEIR_PARAMS(WEIR_PARAM_TEXT(b->command->aggregate->type), WEIR_PARAM_TEXT(streams->data)),
        error);
    weir_buffer_clear(streams);
    return ok;
}

static void put_stream(const weir_aggregate *aggregate, weir_buffer *streams)
{
    size_t count;
    const weir_new_event *events = weir_aggregate_pending(aggregate, &count);
    const char *id = weir_aggregate_id(aggregate);
    weir_buffer_text(streams, streams->length ? ",{\"id\":" : "[{\"id\":");
    weir_buffer_json(streams, id, strlen(id));
    weir_buffer_format(streams, ",\"version\":%lld,\"events\":[",
                       (long long)weir_aggregate_version(aggregate));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            weir_buffer_char(streams, ',');
        weir_new_event_write(&events[i], streams);
    }
    weir_buffer_text(streams, "]}");
}

/* Whose fault a refused append is shows when there is one request alone. */
static bool append(const batch *b, weir_error *error)
{
    bool ok = true;
    weir_buffer streams = WEIR_BUFFER(APPEND_LIMIT);
    weir_transaction_at(b->transaction, SIZE_MAX);
    for (size_t i = 0; ok && i < b->aggregate_count; i++) {
        put_stream(b->aggregates[i], &streams);
        if (streams.length >= PART_BYTES || i + 1 == b->aggregate_count)
            ok = send(b, &streams, error);
    }
    weir_buffer_free(&streams);
    return ok;
}

bool weir_executor_apply(void *context, weir_transaction *transaction, const weir_event *requests,
                         size_t count, weir_error *error)
{
    batch b = {.command = context,
               .transaction = transaction,
               .requests = requests,
               .count = count,
               .jobs = weir_calloc(count + 1, sizeof *b.jobs),
               .sorted = weir_calloc(count + 1, sizeof *b.sorted),
               .aggregates = weir_calloc(count + 1, sizeof *b.aggregates),
               .arena = weir_arena_new(ARENA)};
    bool ok = find_jobs(&b, error);
    if (ok && b.job_count > 0) {
        make_aggregates(&b);
        ok = load(&b, error);
        for (size_t i = 0; ok && i < b.job_count; i++)
            ok = execute(&b, &b.jobs[i], error);
        ok = ok && append(&b, error);
    }
    for (size_t i = 0; i < b.aggregate_count; i++)
        weir_aggregate_free(b.aggregates[i]);
    weir_arena_free(b.arena);
    free(b.aggregates);
    free(b.sorted);
    free(b.jobs);
    return ok;
}
