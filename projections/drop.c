/* A generation removed: its schema, and what weir remembers of it.
 *
 * The one that serves is never touched, and nothing outside of the schema goes with it: its tables
 * are locked, so that nothing new can come to depend on them, and then whatever depends on them
 * from outside is a refusal. */
#include <stdio.h>
#include <stdlib.h>

#include "projections/generations_int.h"

static void schema_of(const char *name, int generation, char schema[WEIR_SCHEMA_SIZE])
{
    snprintf(schema, WEIR_SCHEMA_SIZE, "%s__g%d", name, generation);
}

bool weir_generation_outside(weir_connection *connection, const char *name, int generation,
                             weir_buffer *text, weir_error *error)
{
    char schema[WEIR_SCHEMA_SIZE];
    schema_of(name, generation, schema);
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *rows = weir_connection_query(connection, "generation_outside", &param, 1, error);
    if (!rows)
        return false;
    char *names = weir_rows_joined(rows);
    weir_buffer_text(text, names);
    free(names);
    weir_result_free(rows);
    return true;
}

static bool check_outside(weir_connection *connection, const char *name, int generation,
                          weir_error *error)
{
    weir_buffer text = WEIR_BUFFER((size_t)1 << 20);
    bool ok = weir_generation_outside(connection, name, generation, &text, error);
    if (ok && text.length)
        ok = weir_fail(error, WEIR_FATE_CONFIG,
                       "%s: generation %d is still used: %s; drop or change that first", name,
                       generation, text.data);
    weir_buffer_free(&text);
    return ok;
}

static bool drop_schema(weir_connection *connection, const char *name, int generation,
                        weir_error *error)
{
    char schema[WEIR_SCHEMA_SIZE], sql[128];
    schema_of(name, generation, schema);
    snprintf(sql, sizeof sql, "DROP SCHEMA \"%s\" CASCADE", schema);
    weir_param param = WEIR_PARAM_TEXT(schema);
    weir_result *owner =
        weir_connection_query(connection, "generation_schema_owner", &param, 1, error);
    bool ok = owner != NULL;
    if (ok && weir_result_rows(owner) > 0)
        ok = weir_act_as(connection, weir_result_value(owner, 0, 0), error) &&
             weir_run_made(connection, "generation_hold", &param, 1, NULL, error) &&
             check_outside(connection, name, generation, error) &&
             weir_connection_execute(connection, sql, error);
    weir_result_free(owner);
    return ok;
}

static bool forget(weir_connection *connection, const char *name, int generation, weir_error *error)
{
    char number[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(generation, number)};
    weir_result *row = weir_connection_query(connection, "generation_forget", params, 2, error);
    bool ok = row && weir_result_rows(row) == 1;
    if (row && !ok)
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "%s: there is no generation %d that could be dropped", name, generation);
    weir_result_free(row);
    return ok;
}

bool weir_generation_remove(weir_connection *connection, const weir_actors *actors,
                            const char *name, int generation, weir_error *error)
{
    int serving;
    if (!weir_act_as(connection, actors->projector, error) ||
        !weir_generation_serving(connection, name, &serving, error))
        return false;
    if (serving == generation)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: generation %d serves", name, generation);
    return forget(connection, name, generation, error) &&
           drop_schema(connection, name, generation, error) &&
           weir_act_as(connection, actors->projector, error);
}

typedef struct goal {
    const char *name;
    int generation;
} goal;

static bool remove_one(void *context, weir_connection *connection, weir_error *error)
{
    const goal *g = context;
    weir_actors actors;
    weir_param lock = WEIR_PARAM_TEXT(g->name);
    return weir_actors_find(connection, &actors, error) &&
           weir_act_as(connection, actors.projector, error) &&
           weir_locks_bound(connection, error) &&
           weir_statement_run(connection, "projection_lock", &lock, 1, error) &&
           weir_generation_remove(connection, &actors, g->name, g->generation, error);
}

bool weir_generation_drop(weir_connection *connection, const char *name, int generation,
                          weir_stop *stop, int patience_ms, weir_error *error)
{
    goal g = {name, generation};
    return weir_attempts(connection, name, remove_one, &g, stop, patience_ms, error);
}
