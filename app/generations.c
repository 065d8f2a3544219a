/* projection rollback and projection drop: what to do with generations that are kept.
 *
 * Both say first what they would do, and do it with --execute. The work is projections/'s; here is
 * what a person reads. */
#include "projections/generations.h"

#include <stdio.h>
#include <string.h>

#include "app/generations.h"
#include "app/subscriptions.h"
#include "app/verbs.h"

#define COUNTED 1000000 /* cli_generations.sql counts one more at most */

weir_result *weir_generations_list(weir_connection *connection, const char *name, weir_error *error)
{
    weir_param param = WEIR_PARAM_TEXT(name);
    return weir_connection_query(connection, "cli_generations", &param, 1, error);
}

static int row_of(const weir_result *rows, int generation)
{
    for (int i = 0; i < weir_result_rows(rows); i++)
        if (weir_result_integer(rows, i, 0) == generation)
            return i;
    return -1;
}

static void describe(weir_output *output, const weir_result *rows, int row)
{
    int64_t behind = weir_result_integer(rows, row, 7);
    const char *served = weir_result_value(rows, row, 3), *last = weir_result_value(rows, row, 5);
    weir_output_format(output, "  generation %s: made %s, ", weir_result_value(rows, row, 0),
                       weir_result_value(rows, row, 2));
    if (weir_result_bool(rows, row, 1))
        weir_output_format(output, "serves since %s, ", served);
    else if (served)
        weir_output_format(output, "served from %s, ", served);
    else
        weir_output_text(output, "never served, ");
    weir_output_format(output, "last fed %s; %s%lld event%s behind the store",
                       last ? last : "never", behind > COUNTED ? "more than " : "",
                       (long long)(behind > COUNTED ? COUNTED : behind), behind == 1 ? "" : "s");
    if (weir_result_integer(rows, row, 6) > 0)
        weir_output_format(output, "; %s dead letters wait", weir_result_value(rows, row, 6));
    weir_output_text(output, "\n");
}

static void describe_views(weir_output *output, const weir_generation_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const weir_view_plan *view = &plan->views[i];
        weir_output_format(output, "  view %s: %s", view->view,
                           weir_view_change_name(view->change));
        if (*view->columns)
            weir_output_format(output, ": %s", view->columns);
        if (*view->dependents)
            weir_output_format(output, "; used by %s", view->dependents);
        weir_output_text(output, "\n");
    }
}

/* explain_rollback is the dry run; what it refuses, --execute refuses. */
static bool explain_rollback(weir_session *session, weir_connection *connection, const char *name,
                             int to, bool replace_views, weir_error *error)
{
    weir_output *output = &session->output;
    weir_generation_plan plan = {0};
    weir_result *rows = weir_generations_list(connection, name, error);
    bool ok = rows && weir_generation_compare(connection, name, to, &plan, error);
    if (ok) {
        weir_output_format(output, "would take the readers of %s from generation %d to %d\n", name,
                           plan.from, to);
        for (int i = 0; i < 2; i++) {
            int row = row_of(rows, i ? to : plan.from);
            if (row >= 0)
                describe(output, rows, row);
        }
        describe_views(output, &plan);
        ok = weir_generation_allow(&plan, name, replace_views, error);
        if (ok)
            weir_output_text(output, "Nothing was done: add --execute\n");
    }
    weir_generation_plan_free(&plan);
    weir_result_free(rows);
    return ok;
}

/* patience: --wait in milliseconds, at most a day. */
static int patience(const weir_session *session)
{
    int64_t seconds = weir_arguments_integer(&session->arguments, "wait");
    return (int)(seconds < 86400 ? seconds : 86400) * 1000;
}

static bool roll_back(weir_session *session, weir_connection *connection, const char *name, int to,
                      bool replace_views, weir_error *error)
{
    if (!weir_generation_rollback(connection, name, to, replace_views, &session->stop,
                                  patience(session), error))
        return false;
    fprintf(stderr,
            "weir: done: readers of %s are on generation %d; what runs with the file of that "
            "generation goes on feeding it, anything else stops and says so\n",
            name, to);
    return true;
}

bool weir_verb_projection_rollback(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = weir_arguments_word(arguments, 0);
    bool replace_views = weir_arguments_flag(arguments, "replace-views");
    int to;
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    bool ok = weir_subscription_known(connection, name, error) &&
              weir_generation_previous(connection, name, &to, error);
    if (ok && weir_arguments_flag(arguments, "execute"))
        ok = roll_back(session, connection, name, to, replace_views, error);
    else if (ok)
        ok = explain_rollback(session, connection, name, to, replace_views, error);
    weir_store_close(store);
    return ok;
}

/* explain_drop is the dry run; what it refuses, --execute refuses. */
static bool explain_drop(weir_session *session, weir_connection *connection, const char *name,
                         int generation, weir_error *error)
{
    weir_buffer outside = WEIR_BUFFER((size_t)1 << 20);
    weir_result *rows = weir_generations_list(connection, name, error);
    bool ok = rows && weir_generation_outside(connection, name, generation, &outside, error);
    int row = ok ? row_of(rows, generation) : -1;
    if (ok && row < 0)
        ok = weir_fail_code(error, WEIR_FATE_CONFIG, WEIR_NOT_FOUND,
                            "%s: there is no generation %d", name, generation);
    else if (ok && weir_result_bool(rows, row, 1))
        ok = weir_fail(error, WEIR_FATE_CONFIG, "%s: generation %d serves", name, generation);
    if (ok) {
        weir_output_format(&session->output,
                           "would drop schema %s__g%d and what is remembered of\n", name,
                           generation);
        describe(&session->output, rows, row);
        if (outside.length)
            ok = weir_fail(error, WEIR_FATE_CONFIG,
                           "%s: generation %d is still used: %s; drop or change that first", name,
                           generation, outside.data);
        else
            weir_output_text(&session->output, "Nothing was done: add --execute\n");
    }
    weir_result_free(rows);
    weir_buffer_free(&outside);
    return ok;
}

bool weir_verb_projection_drop(weir_session *session, weir_error *error)
{
    const weir_arguments *arguments = &session->arguments;
    const char *name = weir_arguments_word(arguments, 0);
    if (!weir_arguments_has(arguments, "generation"))
        return weir_fail(error, WEIR_FATE_CONFIG, "which one? --generation N");
    int generation = (int)weir_arguments_integer(arguments, "generation");
    weir_store *store = weir_session_store(session, error);
    if (!store)
        return false;
    weir_connection *connection = weir_store_connection(store);
    bool ok = weir_subscription_known(connection, name, error);
    if (ok && weir_arguments_flag(arguments, "execute")) {
        ok = weir_generation_drop(connection, name, generation, &session->stop, patience(session),
                                  error);
        if (ok)
            fprintf(stderr, "weir: done: generation %d of %s is gone\n", generation, name);
    } else if (ok) {
        ok = explain_drop(session, connection, name, generation, error);
    }
    weir_store_close(store);
    return ok;
}
