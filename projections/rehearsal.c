/* A projection tried on sample events: its tables in a scratch schema, its handlers one event at a
 * time, all of it in one transaction that is never committed.
 *
 * Each event has a savepoint, so that one that is refused leaves no trace and the next is tried on
 * what the others made. What is deferred is checked at each event's end, as at a commit. It must
 * never touch a generation: handlers are verified first, like at a start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define ARENA ((size_t)256 << 20)
#define NEXT                                                                                       \
    "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; "                                \
    "RELEASE SAVEPOINT sample; SAVEPOINT sample"

struct weir_rehearsal {
    weir_projection *projection;
    weir_feed *feed;
    weir_feeder *feeder;
    weir_connection *connection;
    weir_arena *arena; /* of one event */
};

static bool make_scratch(weir_rehearsal *r, weir_error *error)
{
    const weir_projection *projection = r->projection;
    weir_actors actors;
    char schema[64];
    snprintf(schema, sizeof schema, "%s__sample", projection->name);
    return weir_actors_find(r->connection, &actors, error) &&
           weir_connection_execute(r->connection, "BEGIN", error) &&
           weir_session_set(r->feed, r->connection, actors.projector, schema, "force_generic_plan",
                            true, error) &&
           weir_tables_make(projection, r->connection, &actors, schema, error) &&
           weir_handlers_verify(projection, r->connection, schema, error) &&
           weir_session_set(r->feed, r->connection, actors.projector, schema, "auto", true,
                            error) &&
           weir_handlers_prepare(projection, r->connection, error) &&
           weir_connection_execute(r->connection, "SAVEPOINT sample", error);
}

weir_rehearsal *weir_rehearsal_open(weir_projection *projection, const weir_config *config,
                                    weir_connection *connection, weir_error *error)
{
    weir_rehearsal *r = weir_calloc(1, sizeof *r);
    *r = (weir_rehearsal){projection, weir_feed_of(projection, config), weir_feeder_new(projection),
                          connection, weir_arena_new(ARENA)};
    if (make_scratch(r, error))
        return r;
    weir_rehearsal_close(r);
    return NULL;
}

static bool reads(const weir_projection *projection, const char *aggregate_type)
{
    for (size_t i = 0; i < projection->type_count; i++)
        if (strcmp(projection->types[i], aggregate_type) == 0)
            return true;
    return false;
}

static bool call_all(weir_rehearsal *r, const weir_event *event, bool *called, weir_error *error)
{
    const weir_batch batch = {event, 1, r->arena};
    weir_calls calls = {.arena = r->arena, .connection = r->connection};
    weir_arena_reset(r->arena);
    *called = weir_projection_route(r->projection, event->type) >= 0;
    if (!weir_feeder_collect(r->feeder, &batch, true, &calls, error))
        return calls.failed && calls.refused < calls.count &&
               weir_error_prefix(error, "%s", calls.label[calls.refused]);
    for (size_t i = calls.sent; i < calls.count; i++) {
        const weir_call *call = &calls.calls[i];
        weir_result *result =
            weir_connection_query(r->connection, call->statement, call->params, call->count, error);
        weir_result_free(result);
        if (!result)
            return weir_error_prefix(error, "%s", calls.label[i]);
    }
    return !*called || weir_connection_execute(r->connection, NEXT, error);
}

bool weir_rehearsal_apply(weir_rehearsal *r, const weir_event *event, bool *called,
                          weir_error *error)
{
    weir_error rollback;
    *called = false;
    if (!reads(r->projection, event->aggregate_type) || call_all(r, event, called, error))
        return true;
    if (!weir_connection_alive(r->connection) ||
        !weir_connection_execute(r->connection, "ROLLBACK TO SAVEPOINT sample", &rollback))
        error->fate = WEIR_FATE_RETRY;
    return false;
}

const char *weir_rehearsal_name(const weir_rehearsal *r)
{
    return r->projection->name;
}

void weir_rehearsal_close(weir_rehearsal *r)
{
    weir_error error;
    if (!r)
        return;
    if (weir_connection_in_transaction(r->connection) &&
        !weir_connection_execute(r->connection, "ROLLBACK", &error))
        WEIR_WARN("projection", r->projection->name, error.message);
    weir_feeder_free(r->feeder);
    weir_arena_free(r->arena);
    free(r);
}
