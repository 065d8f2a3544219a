/* Transactions that must not make others wait: tried with short waits for locks, again and again,
 * with pauses in between in which whoever stood in line goes on. */
#include <stdio.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "projections/generations_int.h"

#define PAUSE_FIRST_MS 20
#define PAUSE_MOST_MS 500

void weir_generation_name_holders(weir_connection *connection, const char *name, weir_error *error)
{
    weir_error ignored;
    weir_param param = WEIR_PARAM_TEXT(name);
    weir_result *rows =
        weir_connection_alive(connection)
            ? weir_connection_query(connection, "generation_holders", &param, 1, &ignored)
            : NULL;
    if (!rows || weir_result_rows(rows) == 0)
        goto out;
    weir_buffer text = WEIR_BUFFER(900);
    for (int i = 0; i < weir_result_rows(rows); i++)
        weir_session_describe(&text, rows, i, 0);
    char why[sizeof error->message];
    snprintf(why, sizeof why, "%s", error->message);
    weir_error_clear(error);
    weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT, "in the way: %s (%s)", text.data, why);
    weir_buffer_free(&text);
out:
    weir_result_free(rows);
}

void weir_session_describe(weir_buffer *text, const weir_result *rows, int row, int column)
{
    const char *age = weir_result_value(rows, row, column + 3),
               *application = weir_result_value(rows, row, column + 2);
    weir_buffer_format(text, "%ssession %s of %s", text->length ? "; " : "",
                       weir_result_value(rows, row, column),
                       weir_result_value(rows, row, column + 1));
    if (*application)
        weir_buffer_format(text, " (%s)", application);
    if (age)
        weir_buffer_format(text, ", in a transaction for %s s", age);
}

static bool attempt(weir_connection *connection, weir_attempt_fn *fn, void *context,
                    weir_error *error)
{
    weir_error later;
    if (weir_connection_execute(connection, "BEGIN", error) && fn(context, connection, error) &&
        weir_connection_execute(connection, "COMMIT", error))
        return true;
    if (weir_connection_alive(connection) && weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "ROLLBACK", &later))
        WEIR_WARN("part", "generations", later.message);
    return false;
}

bool weir_attempts(weir_connection *connection, const char *name, weir_attempt_fn *fn,
                   void *context, weir_stop *stop, int patience_ms, weir_error *error)
{
    weir_backoff backoff = {.initial_ms = PAUSE_FIRST_MS, .max_ms = PAUSE_MOST_MS};
    int64_t deadline = weir_clock_monotonic_us() + (int64_t)patience_ms * 1000;
    while (!attempt(connection, fn, context, error)) {
        if (error->fate != WEIR_FATE_RETRY || !weir_connection_alive(connection))
            return false;
        if (weir_clock_monotonic_us() >= deadline) {
            error->code = WEIR_TIMEOUT;
            weir_generation_name_holders(connection, name, error);
            return false;
        }
        if (weir_stop_wait(stop, weir_backoff_next(&backoff)))
            return weir_fail(error, WEIR_FATE_RETRY, "stopped; nothing has changed");
    }
    return true;
}
