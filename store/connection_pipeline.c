/* Many calls in one round trip, and rows one by one.
 *
 * The connection is non-blocking: everything is queued, then sent and read in the same loop, so
 * that a server busy answering and a client busy sending never wait for each other. */
#include <string.h>

#include "store/connection_int.h"

static bool rollback(weir_connection *connection)
{
    weir_error ignored = {0};
    return weir_connection_execute(connection, "ROLLBACK", &ignored);
}

static bool send_all(weir_connection *connection, const weir_call *calls, int count,
                     weir_error *error)
{
    for (int i = 0; i < count; i++)
        if (!weir_connection_send(connection, calls[i].statement, calls[i].params, calls[i].count,
                                  false, error))
            return false;
    if (!PQpipelineSync(connection->pg))
        return weir_connection_fail(connection, NULL, error);
    return true;
}

/* Ends results that their reader does not want any more; what still comes is dropped. */
static void cancel(weir_connection *connection)
{
    char text[256];
    PGcancel *request = PQgetCancel(connection->pg);
    if (!request || !PQcancel(request, text, sizeof text))
        connection->broken = true;
    PQfreeCancel(request);
}

/* Who gets what of a pipeline: fn each call's whole result, or row the rows of one call. */
typedef struct reader {
    weir_result_fn *fn;
    weir_row_fn *row;
    int asked;
    void *context;
} reader;

/* After a stream, libpq gives the first call's row and then an empty result; only the row counts
 * for fn. */
static bool hand_over(const reader *to, int call, const PGresult *result, bool after_row,
                      weir_error *error)
{
    const ExecStatusType status = PQresultStatus(result);
    if (to->fn && !after_row && status != PGRES_PIPELINE_SYNC)
        to->fn(to->context, call, (const weir_result *)result);
    if (!to->row || call != to->asked ||
        (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK))
        return true;
    return to->row(to->context, (const weir_result *)result, error);
}

/* Reads to the sync. The n-th end of results belongs to the n-th call. */
static bool receive_all(weir_connection *connection, int count, const reader *to, int *failed,
                        weir_error *error)
{
    bool succeeded = true, begun = false, after_row = false;
    for (int call = 0;;) {
        bool ok;
        /* Before its first byte is looked at. What is dropped may be large, too. */
        if (!begun && !to->fn)
            PQsetSingleRowMode(connection->pg);
        begun = true;
        PGresult *result = weir_connection_next(connection, &ok, error);
        if (!ok) {
            connection->broken = true;
            *failed = succeeded ? count : *failed;
            return false;
        }
        if (!result) {
            call++;
            begun = after_row = false;
            continue;
        }
        ExecStatusType status = PQresultStatus(result);
        if (succeeded && status == PGRES_FATAL_ERROR) {
            succeeded = weir_connection_fail(connection, result, error);
            *failed = call < count ? call : count;
        }
        if (succeeded && !hand_over(to, call, result, after_row, error)) {
            succeeded = false;
            *failed = call;
            if (status == PGRES_SINGLE_TUPLE)
                cancel(connection);
        }
        after_row = status == PGRES_SINGLE_TUPLE;
        PQclear(result);
        if (status == PGRES_PIPELINE_SYNC)
            return succeeded;
    }
}

static bool run(weir_connection *connection, const weir_call *calls, int count, const reader *to,
                int *failed, weir_error *error)
{
    int ignored;
    if (!failed)
        failed = &ignored;
    for (int i = 0; i < count; i++)
        if (!weir_connection_ready(connection, calls[i].statement, error)) {
            *failed = i;
            return false;
        }
    *failed = count;
    bool in_block = weir_connection_in_transaction(connection);
    if (!PQenterPipelineMode(connection->pg))
        return weir_connection_fail(connection, NULL, error);
    if (!send_all(connection, calls, count, error)) {
        connection->broken = true;
        return false;
    }
    bool ok = receive_all(connection, count, to, failed, error);
    if (connection->broken)
        return false;
    if (!PQexitPipelineMode(connection->pg)) {
        connection->broken = true;
        return ok && weir_connection_fail(connection, NULL, error);
    }
    if (!ok && !in_block && weir_connection_in_transaction(connection) && !rollback(connection))
        connection->broken = true;
    return ok;
}

bool weir_connection_pipeline(weir_connection *connection, const weir_call *calls, int count,
                              int *failed, weir_error *error)
{
    return run(connection, calls, count, &(reader){.asked = -1}, failed, error);
}

bool weir_connection_pipeline_results(weir_connection *connection, const weir_call *calls,
                                      int count, weir_result_fn *fn, void *context, int *failed,
                                      weir_error *error)
{
    const reader to = {.fn = fn, .asked = -1, .context = context};
    return run(connection, calls, count, &to, failed, error);
}

bool weir_connection_pipeline_rows(weir_connection *connection, const weir_call *calls, int count,
                                   int asked, weir_row_fn *row, void *context, int *failed,
                                   weir_error *error)
{
    const reader to = {.row = row, .asked = asked, .context = context};
    return run(connection, calls, count, &to, failed, error);
}

/* Reads what was sent, row by row; at_end: row gets the end of the rows, too. */
static bool stream(weir_connection *connection, bool at_end, weir_row_fn *row, void *context,
                   weir_error *error)
{
    PQsetSingleRowMode(connection->pg);
    bool wanted = true, ok;
    weir_error ignored;
    for (;;) {
        PGresult *result = weir_connection_next(connection, &ok, wanted ? error : &ignored);
        if (!result)
            break;
        ExecStatusType status = PQresultStatus(result);
        if (wanted && status == PGRES_SINGLE_TUPLE) {
            wanted = row(context, (const weir_result *)result, error);
            if (!wanted)
                cancel(connection);
        } else if (wanted && status != PGRES_TUPLES_OK) {
            wanted = weir_connection_fail(connection, result, error);
        } else if (wanted && at_end) {
            wanted = row(context, (const weir_result *)result, error);
        }
        PQclear(result);
    }
    return wanted && ok;
}

bool weir_connection_stream(weir_connection *connection, const char *statement,
                            const weir_param *params, int count, weir_row_fn *row, void *context,
                            weir_error *error)
{
    return weir_connection_ready(connection, statement, error) &&
           weir_connection_send(connection, statement, params, count, true, error) &&
           stream(connection, false, row, context, error);
}

bool weir_connection_stream_text(weir_connection *connection, const char *sql,
                                 const weir_param *params, int count, weir_row_fn *row,
                                 void *context, weir_error *error)
{
    return weir_connection_send_text(connection, sql, params, count, error) &&
           stream(connection, true, row, context, error);
}
