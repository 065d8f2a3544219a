/* Readers moved from one generation to another, all views in one transaction.
 *
 * A reader holds a lock on every view that it reads until its transaction ends, so it sees either
 * the old tables or the new, never both. Waits for locks are bounded to less than deadlock_timeout:
 * nobody queues longer than that behind a switch that waits, and it is the switch that gives up.
 * It must never change a row of a table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/generations_int.h"

static bool same_subscription(const weir_result *rows, const char *name, weir_error *error)
{
    if (weir_result_rows(rows) == 0 || strcmp(weir_result_value(rows, 0, 1), "projection") == 0)
        return true;
    return weir_fail(error, WEIR_FATE_CONFIG, "'%s' is a subscription of kind %s", name,
                     weir_result_value(rows, 0, 1));
}

static weir_result *rows_of(weir_connection *connection, const char *name, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(name), WEIR_PARAM_NULL};
    weir_result *rows = weir_connection_query(connection, "generation_rows", params, 2, error);
    if (rows && !same_subscription(rows, name, error)) {
        weir_result_free(rows);
        return NULL;
    }
    return rows;
}

bool weir_generation_serving(weir_connection *connection, const char *name, int *generation,
                             weir_error *error)
{
    weir_result *rows = rows_of(connection, name, error);
    *generation = 0;
    for (int i = 0; rows && i < weir_result_rows(rows); i++)
        if (weir_result_bool(rows, i, 2))
            *generation = (int)weir_result_integer(rows, i, 0);
    weir_result_free(rows);
    return rows != NULL;
}

bool weir_generation_previous(weir_connection *connection, const char *name, int *generation,
                              weir_error *error)
{
    weir_result *rows = rows_of(connection, name, error);
    if (!rows)
        return false;
    int serving = 0;
    *generation = 0;
    for (int i = 0; *generation == 0 && i < weir_result_rows(rows); i++) {
        if (weir_result_bool(rows, i, 2))
            serving = (int)weir_result_integer(rows, i, 0);
        else if (serving && weir_result_bool(rows, i, 3))
            *generation = (int)weir_result_integer(rows, i, 0);
    }
    weir_result_free(rows);
    if (*generation)
        return true;
    if (serving)
        return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                              "%s: no generation is kept from before generation %d, which serves",
                              name, serving);
    return weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                          "no generation of '%s' serves: it has none but unfinished ones", name);
}

bool weir_run_made(weir_connection *connection, const char *maker, const weir_param *params,
                   int params_count, int *count, weir_error *error)
{
    weir_result *made = weir_connection_query(connection, maker, params, params_count, error);
    if (!made)
        return false;
    bool ok = true;
    for (int i = 0; ok && i < weir_result_rows(made); i++)
        ok = weir_connection_execute(connection, weir_result_value(made, i, 0), error);
    if (count)
        *count = weir_result_rows(made);
    weir_result_free(made);
    return ok;
}

/* What the readers of the old tables may do they may do with the new. Only their owner can say so,
 * who may be another one than today's projector. */
static bool grant_tables(weir_connection *connection, const weir_generation_plan *plan,
                         const weir_actors *actors, const char *name, weir_error *error)
{
    char from[24], to[24], schema[WEIR_SCHEMA_SIZE];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(plan->from, from),
                                 weir_param_integer(plan->to, to), WEIR_PARAM_TEXT(actors->viewer)};
    snprintf(schema, sizeof schema, "%s__g%d", name, plan->to);
    weir_param tables = WEIR_PARAM_TEXT(schema);
    weir_result *owner =
        weir_connection_query(connection, "generation_schema_owner", &tables, 1, error);
    bool ok = owner && weir_act_as(connection, weir_result_value(owner, 0, 0), error) &&
              weir_run_made(connection, "generation_grants", params, 4, NULL, error);
    weir_result_free(owner);
    return ok;
}

static bool make_schema(weir_connection *connection, const weir_actors *actors, const char *name,
                        weir_error *error)
{
    bool ok = weir_act_as(connection, actors->owner, error) &&
              weir_schema_make(connection, actors, actors->owner, name, error);
    if (!ok || !*actors->reader)
        return ok;
    char *sql = weir_format("GRANT USAGE ON SCHEMA \"%s\" TO \"%s\"", name, actors->reader);
    ok = weir_connection_execute(connection, sql, error);
    free(sql);
    return ok;
}

static bool move_view(weir_connection *connection, const weir_view_plan *view,
                      const weir_actors *actors, weir_error *error)
{
    bool made = view->change == WEIR_VIEW_NEW;
    char *sql = weir_format("CREATE %s%s", made ? "" : "OR REPLACE ", view->statement);
    bool ok = weir_act_as(connection, view->owner ? view->owner : actors->owner, error) &&
              weir_connection_execute(connection, sql, error);
    free(sql);
    if (!ok || !made || !*actors->reader)
        return ok || weir_error_prefix(error, "view %s", view->view);
    sql = weir_format("GRANT SELECT ON %s TO \"%s\"", view->view, actors->reader);
    ok = weir_connection_execute(connection, sql, error);
    free(sql);
    return ok;
}

static bool move_views(weir_connection *connection, const weir_generation_plan *plan,
                       const weir_actors *actors, weir_error *error)
{
    for (size_t i = 0; i < plan->count; i++)
        if (!weir_view_is_replaced(&plan->views[i]) &&
            !move_view(connection, &plan->views[i], actors, error))
            return false;
    return weir_views_replace(connection, plan, error);
}

/* One row must be found; otherwise somebody else switched. */
static bool mark(weir_connection *connection, const char *statement, const char *name,
                 int generation, weir_error *error)
{
    char number[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(generation, number)};
    weir_result *row = weir_connection_query(connection, statement, params, 2, error);
    bool ok = row && weir_result_rows(row) == 1;
    if (row && !ok)
        weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                       "%s: there is no generation %d to switch to, or it serves already", name,
                       generation);
    weir_result_free(row);
    return ok;
}

static bool flip(weir_connection *connection, const weir_generation_plan *plan,
                 const weir_actors *actors, const char *name, weir_error *error)
{
    char from[24], to[24];
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(plan->from, from),
                                 weir_param_integer(plan->to, to)};
    return weir_act_as(connection, actors->projector, error) &&
           (plan->from == 0 || mark(connection, "generation_retire", name, plan->from, error)) &&
           mark(connection, "generation_serve", name, plan->to, error) &&
           weir_statement_run(connection, "generation_raise", params, 3, error);
}

/* What is cheap to find out before the views are touched. */
static bool check_target(weir_connection *connection, const char *name, int to, weir_error *error)
{
    weir_result *rows = rows_of(connection, name, error);
    bool known = false, serving = false, there = false;
    for (int i = 0; rows && i < weir_result_rows(rows); i++)
        if (weir_result_integer(rows, i, 0) == to) {
            known = true;
            serving = weir_result_bool(rows, i, 2);
            there = weir_result_bool(rows, i, 6);
        }
    weir_result_free(rows);
    if (!rows)
        return false;
    if (!known || serving)
        return weir_fail_code(
            error, WEIR_FATE_CONFIG, known ? WEIR_INVALID : WEIR_NOT_FOUND,
            known ? "%s: generation %d serves already" : "%s: there is no generation %d", name, to);
    return there ||
           weir_fail(error, WEIR_FATE_CONFIG, "%s: the schema of generation %d is gone", name, to);
}

bool weir_generation_switch(weir_connection *connection, const char *name, int to,
                            bool replace_views, weir_error *error)
{
    if (!weir_connection_in_transaction(connection))
        return weir_fail(error, WEIR_FATE_FATAL, "a switch is part of a transaction");
    weir_actors actors;
    weir_generation_plan plan = {0};
    weir_param lock = WEIR_PARAM_TEXT(name);
    bool ok = weir_actors_find(connection, &actors, error) &&
              weir_act_as(connection, actors.projector, error) &&
              weir_locks_bound(connection, error) &&
              weir_statement_run(connection, "projection_lock", &lock, 1, error) &&
              check_target(connection, name, to, error) &&
              weir_generation_compare(connection, name, to, &plan, error) &&
              weir_generation_allow(&plan, name, replace_views, error) &&
              grant_tables(connection, &plan, &actors, name, error) &&
              (plan.from > 0 || make_schema(connection, &actors, name, error)) &&
              move_views(connection, &plan, &actors, error) &&
              flip(connection, &plan, &actors, name, error);
    weir_generation_plan_free(&plan);
    return ok;
}

typedef struct goal {
    const char *name;
    int to;
    bool replace_views;
} goal;

static bool switch_to(void *context, weir_connection *connection, weir_error *error)
{
    const goal *g = context;
    return weir_generation_switch(connection, g->name, g->to, g->replace_views, error);
}

bool weir_generation_rollback(weir_connection *connection, const char *name, int to,
                              bool replace_views, weir_stop *stop, int patience_ms,
                              weir_error *error)
{
    goal g = {name, to, replace_views};
    return weir_attempts(connection, name, switch_to, &g, stop, patience_ms, error);
}
