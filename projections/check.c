/* Proves a projection's SQL on a live PostgreSQL before any event meets it: tables are made, every
 * handler is prepared, and its plan says what it writes and whether it reads the events.
 *
 * Plans are generic, so that "unnest($1)" stands in them when the events are read. A relation
 * is judged by where it resolved to, never by how it was written. Nothing here commits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define SQL_LIMIT ((size_t)4 * WEIR_PROJECTION_FILE_LIMIT)
#define OUTSIDE "a projection may make, alter and write its own tables only"

static bool fail_place(const weir_projection *projection, const weir_statement *statement,
                       weir_error *error)
{
    return weir_statement_place(projection, statement, "", true, 0, error);
}

static bool make_table(const weir_projection *projection, weir_connection *connection,
                       const weir_statement *statement, const char *schema, weir_error *error)
{
    char *sql = weir_strndup(statement->sql, statement->length);
    weir_result *outside = NULL;
    bool ok = weir_connection_execute(connection, sql, error);
    if (!ok) {
        weir_statement_place(projection, statement, sql, false,
                             weir_connection_error_position(connection), error);
        goto out;
    }
    weir_param params = WEIR_PARAM_TEXT(schema);
    outside = weir_connection_query(connection, "projection_outside", &params, 1, error);
    ok = outside != NULL;
    if (ok && weir_result_rows(outside) > 0)
        ok = weir_projection_fail(projection, statement->line, error,
                                  "this statement changes %s; " OUTSIDE,
                                  weir_result_value(outside, 0, 0));
out:
    weir_result_free(outside);
    free(sql);
    return ok;
}

bool weir_tables_make(const weir_projection *projection, weir_connection *connection,
                      const weir_actors *actors, const char *schema, weir_error *error)
{
    if (!weir_schema_make(connection, actors, actors->projector, schema, error))
        return false;
    for (size_t i = 0; i < projection->table_count; i++)
        if (!make_table(projection, connection, &projection->tables[i], schema, error))
            return false;
    return true;
}

bool weir_plan_judge(const weir_projection *projection, weir_connection *connection,
                     const weir_statement *statement, const char *name, int params,
                     const char *schema, weir_error *error)
{
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    weir_buffer_format(&sql, "EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) EXECUTE \"%s\"", name);
    for (int i = 0; i < params; i++)
        weir_buffer_text(&sql, i > 0 ? ", NULL" : "(NULL");
    weir_buffer_text(&sql, params > 0 ? ")" : "");
    weir_result *verdict = NULL, *plan = weir_connection_text(connection, sql.data, NULL, 0, error);
    weir_buffer_free(&sql);
    if (!plan)
        return fail_place(projection, statement, error);
    const weir_param asked[] = {WEIR_PARAM_TEXT(weir_result_value(plan, 0, 0)),
                                WEIR_PARAM_TEXT(schema)};
    verdict = weir_connection_query(connection, "projection_plan", asked, 2, error);
    bool ok = verdict != NULL;
    if (ok && weir_result_value(verdict, 0, 1))
        ok = weir_projection_fail(projection, statement->line, error,
                                  "this statement writes %s; " OUTSIDE,
                                  weir_result_value(verdict, 0, 1));
    else if (ok && weir_result_bool(verdict, 0, 2))
        ok = weir_projection_fail(projection, statement->line, error,
                                  "this statement calls set_config: the session is the runtime's");
    else if (ok && statement->many && !weir_result_bool(verdict, 0, 0))
        ok = weir_projection_fail(projection, statement->line, error,
                                  "this statement does not read the relation events, so it would "
                                  "run once for many of them; use apply: each");
    weir_result_free(verdict);
    weir_result_free(plan);
    return ok;
}

static bool verify(const weir_projection *projection, weir_connection *connection,
                   const weir_statement *statement, const char *schema, weir_error *error)
{
    char name[96], deallocate[128];
    snprintf(name, sizeof name, "check %s", statement->name);
    snprintf(deallocate, sizeof deallocate, "DEALLOCATE \"%s\"", name);
    weir_buffer sql = WEIR_BUFFER(SQL_LIMIT);
    weir_statement_inject(statement, statement->many != NULL, &sql);
    bool ok = weir_connection_prepare(connection, name, sql.data, error);
    if (ok) {
        ok = weir_plan_judge(projection, connection, statement, name, WEIR_EVENT_COLUMNS, schema,
                             error);
        /* What it was prepared for is rolled back by the caller after a failure; the name is not.
         */
        weir_error later;
        if (ok)
            ok = weir_connection_execute(connection, deallocate, error);
        else if (weir_connection_execute(connection, "ROLLBACK", &later) &&
                 !weir_connection_execute(connection, deallocate, &later))
            WEIR_WARN("projection", projection->name, later.message);
    } else {
        weir_statement_place(projection, statement, sql.data, true,
                             weir_connection_error_position(connection), error);
    }
    weir_buffer_free(&sql);
    return ok;
}

bool weir_handlers_verify(const weir_projection *projection, weir_connection *connection,
                          const char *schema, weir_error *error)
{
    for (size_t i = 0; i < projection->handler_count; i++)
        if (!verify(projection, connection, &projection->handlers[i], schema, error))
            return false;
    return true;
}

bool weir_scratch_check(weir_feed *feed, weir_connection *connection, const weir_actors *actors,
                        weir_error *error)
{
    const weir_projection *projection = feed->projection;
    char schema[64];
    snprintf(schema, sizeof schema, "%s__check", projection->name);
    bool ok = weir_connection_execute(connection, "BEGIN", error) &&
              weir_session_set(feed, connection, actors->projector, schema, "force_generic_plan",
                               true, error) &&
              weir_tables_make(projection, connection, actors, schema, error) &&
              weir_handlers_verify(projection, connection, schema, error) &&
              weir_values_warn(feed, connection, error) &&
              weir_queries_verify(feed, connection, actors, schema, error);
    weir_error rollback;
    if (weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &rollback) && ok) {
        *error = rollback;
        ok = false;
    }
    return ok;
}

bool weir_projection_check(weir_projection *projection, const weir_config *config,
                           weir_connection *connection, weir_error *error)
{
    weir_actors actors;
    return weir_actors_find(connection, &actors, error) &&
           weir_scratch_check(weir_feed_of(projection, config), connection, &actors, error) &&
           weir_generation_fits(projection, connection, error);
}
