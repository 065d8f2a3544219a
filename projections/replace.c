/* Views that CREATE OR REPLACE VIEW cannot change: dropped and made again in one transaction, with
 * the plain views that depend on them.
 *
 * What DROP takes is kept as statements before: query, options, owner, grants, comments. DROP is
 * without CASCADE, so nothing vanishes that was not looked at; whatever is no plain view is
 * refused. If a view cannot be made again the error names it, and the transaction is to be rolled
 * back. */
#include <stdlib.h>

#include "projections/generations_int.h"

/* A view on its way out and in. */
typedef struct doomed {
    const char *oid, *view, *owner, *statement; /* statement NULL: it does not come back */
    const char *table;                          /* whose columns it keeps; "0": all */
    weir_result *keep;                          /* statements for afterwards */
} doomed;

typedef struct removal {
    weir_result *dependents; /* farthest first */
    doomed *views;           /* in the order of dropping */
    size_t count;
} removal;

static bool add(removal *all, doomed view, weir_connection *connection, weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(view.oid), WEIR_PARAM_TEXT(view.table)};
    view.keep = weir_connection_query(connection, "generation_keep", params, 2, error);
    if (view.keep)
        all->views[all->count++] = view;
    return view.keep != NULL;
}

static char *replaced_oids(const weir_generation_plan *plan)
{
    weir_buffer oids = WEIR_BUFFER((size_t)1 << 20);
    for (size_t i = 0; i < plan->count; i++)
        if (weir_view_is_replaced(&plan->views[i]))
            weir_buffer_format(&oids, "%c%s", oids.length ? ',' : '{', plan->views[i].oid);
    if (oids.length)
        weir_buffer_char(&oids, '}');
    return oids.data;
}

static bool add_dependents(removal *all, weir_connection *connection, weir_error *error)
{
    const weir_result *rows = all->dependents;
    for (int i = 0; i < weir_result_rows(rows); i++) {
        if (!weir_result_value(rows, i, 1))
            return weir_fail(error, WEIR_FATE_CONFIG,
                             "%s depends on a view that must be replaced, and is no plain view "
                             "that could be made again: drop it before, and make it again after",
                             weir_result_value(rows, i, 0));
        if (!add(all,
                 (doomed){.oid = weir_result_value(rows, i, 1),
                          .view = weir_result_value(rows, i, 2),
                          .owner = weir_result_value(rows, i, 3),
                          .statement = weir_result_value(rows, i, 4),
                          .table = "0"},
                 connection, error))
            return false;
    }
    return true;
}

static bool collect(removal *all, weir_connection *connection, const weir_generation_plan *plan,
                    const char *oids, weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(oids);
    all->dependents = weir_connection_query(connection, "generation_dependents", &param, 1, error);
    if (!all->dependents)
        return false;
    all->views =
        weir_calloc((size_t)weir_result_rows(all->dependents) + plan->count, sizeof *all->views);
    if (!add_dependents(all, connection, error))
        return false;
    for (size_t i = 0; i < plan->count; i++) {
        const weir_view_plan *view = &plan->views[i];
        if (!weir_view_is_replaced(view))
            continue;
        const doomed own = {view->oid, view->view, view->owner, view->statement, view->table, NULL};
        if (!add(all, own, connection, error))
            return false;
    }
    return true;
}

static bool execute_as(weir_connection *connection, const char *owner, const char *verb,
                       const char *statement, weir_error *error)
{
    char *sql = weir_format("%s %s", verb, statement);
    bool ok =
        weir_act_as(connection, owner, error) && weir_connection_execute(connection, sql, error);
    free(sql);
    return ok;
}

static bool explain(weir_error *error, const char *what, const char *view)
{
    if (error->fate != WEIR_FATE_RETRY) {
        error->fate = WEIR_FATE_CONFIG;
        error->code = WEIR_INVALID;
    }
    return weir_error_prefix(error, "%s view %s", what, view);
}

static bool drop_all(const removal *all, weir_connection *connection, weir_error *error)
{
    for (size_t i = 0; i < all->count; i++) {
        const doomed *view = &all->views[i];
        if (!execute_as(connection, view->owner, "DROP VIEW", view->view, error))
            return explain(error, "dropping", view->view);
    }
    return true;
}

static bool make(const doomed *view, weir_connection *connection, weir_error *error)
{
    weir_param name = WEIR_PARAM_TEXT(view->view);
    if (!execute_as(connection, view->owner, "CREATE", view->statement, error) ||
        !weir_run_made(connection, "generation_bare", &name, 1, NULL, error))
        return false;
    for (int i = 0; i < weir_result_rows(view->keep); i++)
        if (!weir_connection_execute(connection, weir_result_value(view->keep, i, 0), error))
            return false;
    return true;
}

/* The projection's own first, then dependents from the nearest to the farthest. */
static bool make_all(const removal *all, weir_connection *connection, weir_error *error)
{
    for (size_t i = all->count; i-- > 0;) {
        const doomed *view = &all->views[i];
        if (view->statement && !make(view, connection, error))
            return explain(error, "making again", view->view);
    }
    return true;
}

bool weir_views_replace(weir_connection *connection, const weir_generation_plan *plan,
                        weir_error *error)
{
    char *oids = replaced_oids(plan);
    if (!oids)
        return true;
    removal all = {0};
    bool ok = collect(&all, connection, plan, oids, error) && drop_all(&all, connection, error) &&
              make_all(&all, connection, error);
    for (size_t i = 0; i < all.count; i++)
        weir_result_free(all.views[i].keep);
    free(all.views);
    weir_result_free(all.dependents);
    free(oids);
    return ok;
}
