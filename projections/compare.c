/* What a switch would do with every view, found out before anything happens.
 *
 * CREATE OR REPLACE VIEW keeps grants and dependents, and can only add columns at the end. Whatever
 * else a new generation asks for is a plan that somebody has to agree to, so it is said with names:
 * which columns, and what depends on the view. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/generations_int.h"

static const struct {
    const char *word, *name; /* as generation_views.sql says it; for people */
} changes[] = {
    [WEIR_VIEW_SAME] = {"same", "same"},
    [WEIR_VIEW_ADDED] = {"added", "columns added"},
    [WEIR_VIEW_NEW] = {"new", "new view"},
    [WEIR_VIEW_REMOVED] = {"removed", "columns removed"},
    [WEIR_VIEW_RETYPED] = {"retyped", "columns of another type"},
    [WEIR_VIEW_ALTERED] = {"altered", "altered by hand"},
    [WEIR_VIEW_GONE] = {"gone", "table gone"},
    [WEIR_VIEW_TAKEN] = {"taken", "name taken"},
};

const char *weir_view_change_name(weir_view_change change)
{
    return changes[change].name;
}

bool weir_view_is_replaced(const weir_view_plan *view)
{
    return view->change >= WEIR_VIEW_REMOVED;
}

static char *copy(const weir_result *rows, int row, int column)
{
    const char *value = weir_result_value(rows, row, column);
    return value ? weir_strdup(value) : NULL;
}

static weir_view_change change_of(const char *word)
{
    weir_view_change change = WEIR_VIEW_TAKEN;
    while (change > WEIR_VIEW_SAME && strcmp(changes[change].word, word) != 0)
        change--;
    return change;
}

char *weir_rows_joined(const weir_result *rows)
{
    weir_buffer text = WEIR_BUFFER((size_t)1 << 20);
    weir_buffer_text(&text, "");
    for (int i = 0; i < weir_result_rows(rows); i++)
        weir_buffer_format(&text, "%s%s", i ? ", " : "", weir_result_value(rows, i, 0));
    return text.data;
}

/* Names what depends on a view that would be replaced. */
static bool find_dependents(weir_connection *connection, weir_view_plan *view, weir_error *error)
{
    if (!weir_view_is_replaced(view) || view->change == WEIR_VIEW_TAKEN) {
        view->dependents = weir_strdup("");
        return true;
    }
    char *oids = weir_format("{%s}", view->oid);
    weir_param param = WEIR_PARAM_TEXT(oids);
    weir_result *rows =
        weir_connection_query(connection, "generation_dependents", &param, 1, error);
    view->dependents = rows ? weir_rows_joined(rows) : NULL;
    weir_result_free(rows);
    free(oids);
    return rows != NULL;
}

static bool plan_views(weir_connection *connection, const weir_param params[3],
                       weir_generation_plan *plan, weir_error *error)
{
    weir_result *rows = weir_connection_query(connection, "generation_views", params, 3, error);
    if (!rows)
        return false;
    plan->count = (size_t)weir_result_rows(rows);
    plan->views = weir_calloc(plan->count + 1, sizeof *plan->views);
    bool ok = true;
    for (int i = 0; ok && i < weir_result_rows(rows); i++) {
        weir_view_plan *view = &plan->views[i];
        *view = (weir_view_plan){.change = change_of(weir_result_value(rows, i, 2)),
                                 .oid = copy(rows, i, 0),
                                 .view = copy(rows, i, 1),
                                 .columns = copy(rows, i, 3),
                                 .owner = copy(rows, i, 4),
                                 .statement = copy(rows, i, 5),
                                 .table = copy(rows, i, 6)};
        ok = find_dependents(connection, view, error);
    }
    weir_result_free(rows);
    return ok;
}

static bool plan_protection(weir_connection *connection, const weir_param params[3],
                            weir_generation_plan *plan, weir_error *error)
{
    weir_result *rows =
        weir_connection_query(connection, "generation_unprotected", params, 3, error);
    if (rows && weir_result_rows(rows) > 0)
        plan->unprotected = weir_rows_joined(rows);
    weir_result_free(rows);
    return rows != NULL;
}

bool weir_locks_bound(weir_connection *connection, weir_error *error)
{
    weir_param timeout = WEIR_PARAM_TEXT(WEIR_SWITCH_LOCK_TIMEOUT);
    return weir_statement_run(connection, "generation_session", &timeout, 1, error);
}

static bool compare(weir_connection *connection, const char *name, int to,
                    weir_generation_plan *plan, weir_error *error)
{
    char from_text[24], to_text[24];
    if (!weir_locks_bound(connection, error) ||
        !weir_generation_serving(connection, name, &plan->from, error))
        return false;
    plan->to = to;
    const weir_param params[] = {WEIR_PARAM_TEXT(name), weir_param_integer(plan->from, from_text),
                                 weir_param_integer(to, to_text)};
    return plan_views(connection, params, plan, error) &&
           plan_protection(connection, params, plan, error);
}

bool weir_generation_compare(weir_connection *connection, const char *name, int to,
                             weir_generation_plan *plan, weir_error *error)
{
    *plan = (weir_generation_plan){0};
    bool own = !weir_connection_in_transaction(connection);
    weir_error later;
    bool ok = (!own || weir_connection_execute(connection, "BEGIN", error)) &&
              compare(connection, name, to, plan, error);
    if (own && weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &later) && ok) {
        *error = later;
        ok = false;
    }
    return ok;
}

void weir_generation_plan_free(weir_generation_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        weir_view_plan *view = &plan->views[i];
        free(view->view);
        free(view->columns);
        free(view->dependents);
        free(view->owner);
        free(view->statement);
        free(view->oid);
        free(view->table);
    }
    free(plan->views);
    free(plan->unprotected);
    *plan = (weir_generation_plan){0};
}

/* Describes the views that stand against a switch; their number. */
static int list_refused(const weir_generation_plan *plan, bool replace_views, weir_buffer *text)
{
    int refused = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const weir_view_plan *view = &plan->views[i];
        if (!weir_view_is_replaced(view) || (replace_views && view->change != WEIR_VIEW_TAKEN))
            continue;
        weir_buffer_format(text, "%s%s: %s", refused++ ? "; " : "", view->view,
                           changes[view->change].name);
        if (*view->columns)
            weir_buffer_format(text, " (%s)", view->columns);
        if (*view->dependents)
            weir_buffer_format(text, ", and %s depend%s on it", view->dependents,
                               strchr(view->dependents, ',') ? "" : "s");
    }
    return refused;
}

static bool is_taken(const weir_generation_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->views[i].change == WEIR_VIEW_TAKEN)
            return true;
    return false;
}

bool weir_generation_allow(const weir_generation_plan *plan, const char *name, bool replace_views,
                           weir_error *error)
{
    if (plan->unprotected)
        return weir_fail(error, WEIR_FATE_CONFIG,
                         "%s: generation %d lacks %s, and would show what was hidden; make it on "
                         "its tables, too, before the switch",
                         name, plan->to, plan->unprotected);
    weir_buffer text = WEIR_BUFFER((size_t)1 << 20);
    int refused = list_refused(plan, replace_views, &text);
    if (refused)
        weir_fail(error, WEIR_FATE_CONFIG,
                  is_taken(plan) ? "%s: the views cannot move to generation %d: %s; rename what "
                                   "has the name of a view"
                                 : "%s: the views cannot move to generation %d as they are: %s; "
                                   "--replace-views drops these and makes them again",
                  name, plan->to, text.data);
    weir_buffer_free(&text);
    return refused == 0;
}
