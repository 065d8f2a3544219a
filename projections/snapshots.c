/* Waiting until no reader is left that would see new tables with old eyes.
 *
 * A view is looked up as it is now, whatever snapshot the reader's transaction has: after a switch
 * a REPEATABLE READ reader with a snapshot from before the new tables were filled would find them
 * empty. So the filling is committed, then every snapshot that is older must go, then the views
 * move.
 *
 * The sessions are listed once and only those are waited for, as CREATE INDEX CONCURRENTLY does:
 * a snapshot that is taken later is new enough, even if an old writing transaction keeps its xmin
 * low. Readers on a standby are not seen. */
#include <stdlib.h>

#include "base/clock.h"
#include "projections/generations_int.h"

#define POLL_MS 20

/* The sessions of a result as an array, to ask for these alone; NULL: none. */
static char *sessions_of(const weir_result *rows)
{
    weir_buffer text = WEIR_BUFFER((size_t)1 << 20);
    for (int i = 0; i < weir_result_rows(rows); i++)
        weir_buffer_format(&text, "%c\"%s\"", text.length ? ',' : '{',
                           weir_result_value(rows, i, 1));
    if (text.length)
        weir_buffer_char(&text, '}');
    return text.data;
}

/* In a transaction pg_stat_activity is read once and kept. */
static weir_result *look(weir_connection *connection, const char *limit, const char *sessions,
                         weir_error *error)
{
    const weir_param params[] = {WEIR_PARAM_TEXT(limit), WEIR_PARAM_TEXT(sessions)};
    if (weir_connection_in_transaction(connection) &&
        !weir_connection_execute(connection, "SELECT pg_stat_clear_snapshot()", error))
        return NULL;
    return weir_connection_query(connection, "generation_snapshots", params, 2, error);
}

static bool fail_held(const weir_result *rows, int patience_ms, weir_error *error)
{
    weir_buffer text = WEIR_BUFFER(900);
    for (int i = 0; i < weir_result_rows(rows) && i < 5; i++)
        weir_session_describe(&text, rows, i, 2);
    weir_fail_code(error, WEIR_FATE_RETRY, WEIR_TIMEOUT,
                   "after %d ms %d session%s still hold%s a snapshot from before: %s", patience_ms,
                   weir_result_rows(rows), weir_result_rows(rows) == 1 ? "" : "s",
                   weir_result_rows(rows) == 1 ? "s" : "", text.data);
    weir_buffer_free(&text);
    return false;
}

bool weir_generation_wait_snapshots(weir_connection *connection, weir_stop *stop, int patience_ms,
                                    weir_error *error)
{
    int64_t deadline = weir_clock_monotonic_us() + (int64_t)patience_ms * 1000;
    char *limit = NULL, *sessions = NULL;
    bool ok = true, gone = false;
    while (ok && !gone) {
        weir_result *rows = look(connection, limit, sessions, error);
        ok = rows != NULL;
        gone = ok && weir_result_rows(rows) == 0;
        if (ok && !gone) {
            if (!limit)
                limit = weir_strdup(weir_result_value(rows, 0, 0));
            free(sessions);
            sessions = sessions_of(rows);
            if (weir_clock_monotonic_us() >= deadline)
                ok = fail_held(rows, patience_ms, error);
            else if (weir_stop_wait(stop, POLL_MS))
                ok = weir_fail(error, WEIR_FATE_RETRY, "stopped while waiting for old snapshots");
        }
        weir_result_free(rows);
    }
    free(sessions);
    free(limit);
    return ok;
}
