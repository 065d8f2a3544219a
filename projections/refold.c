/* Making a projection's tables anew.
 *
 * Events are applied in batches, each one pipeline and one transaction, so that a large store is no
 * long transaction: rows that are updated again and again would leave a tail of dead versions that
 * nothing may remove before its end. A batch that is refused is applied again event by event, and
 * the culprits are left out. In a transaction of the caller's each event has a savepoint instead.
 *
 * Nothing here knows a checkpoint, and it must never touch a schema that another hand made. */
#include "projections/refold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define BATCH 500                           /* events */
#define BATCH_BYTES ((size_t)16 << 20)      /* of events, before they are applied */
#define CALLS_BYTES ((size_t)1 << 30)       /* of their calls */
#define KEPT_BYTES (((size_t)1 << 30) - 16) /* one event at least fits */
#define REPLAN_FIRST 1000                   /* events */
#define CHECK "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; RELEASE SAVEPOINT event"

struct weir_refold {
    weir_projection *projection;
    weir_feed *feed;
    weir_feeder *feeder;
    weir_connection *connection;
    weir_actors actors;
    char schema[WEIR_SCHEMA_SIZE];
    bool one_by_one;
    weir_refused_fn *refused_fn;
    void *context;
    weir_event events[BATCH];
    size_t count;
    weir_arena *kept, *calls; /* the events; what is sent for them */
    int64_t applied, refused;
    int64_t replan_at;
};

static bool drop_schema(weir_refold *r, weir_error *error)
{
    char *sql = weir_format("DROP SCHEMA \"%s\" CASCADE", r->schema);
    bool ok = weir_connection_execute(r->connection, sql, error);
    free(sql);
    return ok;
}

/* make_room drops what an earlier refold left, if it may; anything else of that name stays. */
static bool make_room(weir_refold *r, const weir_refold_options *options, weir_error *error)
{
    weir_param schema = WEIR_PARAM_TEXT(r->schema);
    weir_result *found = weir_connection_query(r->connection, "refold_schema", &schema, 1, error);
    if (!found)
        return false;
    bool exists = weir_result_rows(found) > 0;
    const char *mark = exists ? weir_result_value(found, 0, 0) : NULL;
    bool ours = mark && strcmp(mark, options->mark) == 0;
    weir_result_free(found);
    if (!exists || (ours && options->replace))
        return !exists || drop_schema(r, error);
    return weir_fail(error, WEIR_FATE_CONFLICT, "schema \"%s\" exists%s", r->schema,
                     ours ? "" : " and was made by somebody else");
}

bool weir_refold_mark(weir_refold *r, const char *mark, weir_error *error)
{
    char *sql = weir_format("COMMENT ON SCHEMA \"%s\" IS '%s'", r->schema, mark);
    bool ok = weir_connection_execute(r->connection, sql, error);
    free(sql);
    return ok;
}

static bool make_tables(weir_refold *r, const weir_refold_options *options, weir_error *error)
{
    const weir_projection *projection = r->projection;
    weir_param schema = WEIR_PARAM_TEXT(r->schema);
    return weir_connection_execute(r->connection, "BEGIN", error) &&
           weir_statement_run(r->connection, "projection_lock", &schema, 1, error) &&
           weir_session_set(r->feed, r->connection, r->actors.projector, r->schema,
                            "force_generic_plan", true, error) &&
           make_room(r, options, error) &&
           weir_tables_make(projection, r->connection, &r->actors, r->schema, error) &&
           weir_refold_mark(r, options->mark, error) &&
           weir_handlers_verify(projection, r->connection, r->schema, error) &&
           weir_connection_execute(r->connection, "COMMIT", error);
}

static bool prepare(weir_refold *r, weir_error *error)
{
    return weir_connection_execute(r->connection, "SET synchronous_commit = off", error) &&
           weir_session_set(r->feed, r->connection, r->actors.projector, r->schema, "auto", false,
                            error) &&
           weir_values_warn(r->feed, r->connection, error) &&
           weir_handlers_prepare(r->projection, r->connection, error);
}

weir_refold *weir_refold_open(weir_projection *projection, const weir_config *config,
                              weir_connection *connection, const weir_refold_options *options,
                              weir_error *error)
{
    weir_error rollback;
    weir_refold *r = weir_calloc(1, sizeof *r);
    *r = (weir_refold){.projection = projection,
                       .feed = weir_feed_of(projection, config),
                       .feeder = weir_feeder_new(projection),
                       .connection = connection,
                       .one_by_one = options->one_by_one,
                       .refused_fn = options->refused,
                       .context = options->context,
                       .kept = weir_arena_new(KEPT_BYTES),
                       .calls = weir_arena_new(CALLS_BYTES),
                       .replan_at = REPLAN_FIRST};
    snprintf(r->schema, sizeof r->schema, "%s", options->schema);
    if (weir_actors_find(connection, &r->actors, error) && make_tables(r, options, error) &&
        prepare(r, error))
        return r;
    if (weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &rollback))
        WEIR_WARN("projection", projection->name, rollback.message);
    weir_refold_close(r);
    return NULL;
}

static const char *keep(weir_refold *r, const char *text, size_t length, bool *fits)
{
    if (!text)
        return NULL;
    const char *copy = weir_arena_copy(r->kept, text, length);
    *fits = *fits && copy;
    return copy;
}

static bool keep_event(weir_refold *r, const weir_event *event, weir_error *error)
{
    bool fits = true;
    weir_event *kept = &r->events[r->count];
    *kept = *event;
    kept->aggregate_type = keep(r, event->aggregate_type, strlen(event->aggregate_type), &fits);
    kept->aggregate_id = keep(r, event->aggregate_id, strlen(event->aggregate_id), &fits);
    kept->type = keep(r, event->type, strlen(event->type), &fits);
    kept->content_type = keep(r, event->content_type, strlen(event->content_type), &fits);
    kept->data = keep(r, event->data, event->data_length, &fits);
    kept->metadata = keep(r, event->metadata, event->metadata_length, &fits);
    r->count += fits;
    return fits || weir_fail(error, WEIR_FATE_FATAL, "an event does not fit its memory");
}

bool weir_refold_add(weir_refold *r, const weir_event *event, weir_error *error)
{
    if (!keep_event(r, event, error))
        return false;
    return (r->count < BATCH && weir_arena_used(r->kept) < BATCH_BYTES) ||
           weir_refold_flush(r, error);
}

void weir_refold_refuse(weir_refold *r, const weir_event *event, const weir_error *why)
{
    r->refused++;
    if (r->refused_fn)
        r->refused_fn(r->context, event, why);
}

/* label_error names the statement that refused. */
static bool label_error(const weir_calls *calls, size_t failed, weir_error *error)
{
    if (failed < calls->count && calls->label[failed])
        weir_error_prefix(error, "%s", calls->label[failed]);
    return false;
}

static bool collect(weir_refold *r, const weir_event *events, size_t count, bool one_by_one,
                    weir_calls *calls, weir_error *error)
{
    const weir_batch batch = {events, count, r->calls};
    *calls = (weir_calls){.arena = r->calls, .connection = r->connection};
    weir_arena_reset(r->calls);
    return weir_feeder_collect(r->feeder, &batch, one_by_one, calls, error) ||
           (calls->failed && label_error(calls, calls->refused, error));
}

/* transact applies events in a transaction of their own. Code may ask something in it, and then it
 * has more than one round trip. */
static bool transact(weir_refold *r, const weir_event *events, size_t count, bool one_by_one,
                     weir_calls *calls, weir_error *error)
{
    int failed;
    weir_error rollback;
    const bool block = r->projection->apply == WEIR_APPLY_CODE;
    bool ok = (!block || weir_connection_execute(r->connection, "BEGIN", error)) &&
              collect(r, events, count, one_by_one, calls, error);
    const int left = ok ? (int)(calls->count - calls->sent) : 0;
    if (left > 0 &&
        !weir_connection_pipeline(r->connection, calls->calls + calls->sent, left, &failed, error))
        ok = label_error(calls, calls->sent + (size_t)failed, error);
    if (block && ok)
        ok = weir_connection_execute(r->connection, "COMMIT", error);
    if (!ok && weir_connection_alive(r->connection) &&
        weir_connection_in_transaction(r->connection) &&
        !weir_connection_execute(r->connection, "ROLLBACK", &rollback))
        error->fate = WEIR_FATE_RETRY;
    return ok;
}

/* apply_within applies one event behind a savepoint. */
static bool apply_within(weir_refold *r, const weir_event *event, weir_calls *calls,
                         weir_error *error)
{
    weir_error rollback;
    bool ok = weir_connection_execute(r->connection, "SAVEPOINT event", error) &&
              collect(r, event, 1, true, calls, error);
    for (size_t i = calls->sent; ok && i < calls->count; i++) {
        const weir_call *call = &calls->calls[i];
        ok = weir_statement_run(r->connection, call->statement, call->params, call->count, error) ||
             label_error(calls, i, error);
    }
    if (ok && weir_connection_execute(r->connection, CHECK, error))
        return true;
    if (!weir_connection_alive(r->connection) ||
        !weir_connection_execute(r->connection, "ROLLBACK TO SAVEPOINT event", &rollback))
        error->fate = WEIR_FATE_RETRY;
    return false;
}

/* apply_alone applies one event in a transaction of its own, or behind a savepoint of the caller's.
 * False only when the connection is lost. */
static bool apply_alone(weir_refold *r, const weir_event *event, weir_error *error)
{
    weir_calls calls = {0};
    weir_error why = {0};
    const bool within = weir_connection_in_transaction(r->connection);
    if (weir_projection_route(r->projection, event->type) < 0)
        return true;
    if (within ? apply_within(r, event, &calls, &why) : transact(r, event, 1, true, &calls, &why)) {
        r->applied++;
        return true;
    }
    if (!weir_connection_alive(r->connection) || calls.hindered ||
        (within && why.fate == WEIR_FATE_RETRY)) {
        *error = why;
        return false;
    }
    weir_refold_refuse(r, event, &why);
    return true;
}

static int64_t handled(const weir_refold *r)
{
    int64_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += weir_projection_route(r->projection, r->events[i].type) >= 0;
    return count;
}

static bool apply_batch(weir_refold *r, weir_error *error)
{
    weir_calls calls = {0};
    if (!transact(r, r->events, r->count, r->one_by_one, &calls, error))
        return false;
    r->applied += handled(r);
    return true;
}

/* replan forgets plans that were made for smaller tables, each time the events have doubled. */
static bool replan(weir_refold *r, weir_error *error)
{
    if (r->applied < r->replan_at)
        return true;
    r->replan_at = r->applied * 2;
    return weir_statement_run(r->connection, "projection_replan", NULL, 0, error);
}

/* apply_singly: what is not to be one transaction, or was refused as one. */
static bool apply_singly(weir_refold *r, weir_error *error)
{
    for (size_t i = 0; i < r->count; i++)
        if (!apply_alone(r, &r->events[i], error))
            return false;
    return true;
}

bool weir_refold_flush(weir_refold *r, weir_error *error)
{
    bool ok;
    if (weir_connection_in_transaction(r->connection))
        ok = apply_singly(r, error);
    else
        ok = apply_batch(r, error) ||
             (weir_connection_alive(r->connection) && apply_singly(r, error));
    r->count = 0;
    weir_arena_reset(r->kept);
    return ok && replan(r, error);
}

int64_t weir_refold_applied(const weir_refold *r)
{
    return r->applied;
}

int64_t weir_refold_refused(const weir_refold *r)
{
    return r->refused;
}

bool weir_refold_drop(weir_refold *r, weir_error *error)
{
    return drop_schema(r, error);
}

void weir_refold_close(weir_refold *r)
{
    if (!r)
        return;
    weir_feeder_free(r->feeder);
    weir_arena_free(r->kept);
    weir_arena_free(r->calls);
    free(r);
}
