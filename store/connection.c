/* One PostgreSQL session over libpq: opening, waiting, and calling statements.
 *
 * Everything is asynchronous underneath, so that every wait can also watch the stop. The invariant:
 * between two calls of this module the session is idle or in a transaction block of the caller's,
 * never in the middle of a result; when that cannot be kept, the connection is broken and says so.
 * It must never print a password and never retry by itself: fates are for callers. */
#include "store/connection_int.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "store/fate.h"

#define CONNECT_SECONDS 10
#define STOP_GRACE_US 10000000

struct weir_prepared {
    UT_hash_handle hh;
    char name[];
};

static void on_notice(void *context, const char *message)
{
    (void)context;
    char line[512];
    snprintf(line, sizeof line, "%.*s", (int)strcspn(message, "\n"), message);
    WEIR_WARN("store", "postgresql", line);
}

static void trim(char *text)
{
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        text[--length] = '\0';
}

static void cut_at(char *text, const char *quote)
{
    char *at = strstr(text, quote);
    if (at)
        *at = '\0';
}

bool weir_conninfo_check(const char *conninfo, weir_error *error)
{
    static const char *const quotes[] = {": \"", " after \""};
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(conninfo, &why);
    bool ok = options != NULL;
    if (!ok) {
        weir_fail(error, WEIR_FATE_CONFIG, "%s", why ? why : "out of memory");
        trim(error->message);
        for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++)
            cut_at(error->message, quotes[i]);
    }
    PQconninfoFree(options);
    PQfreemem(why);
    return ok;
}

/* Defaults come first: libpq lets what the conninfo says override them. */
static PGconn *start_connection(const weir_connection_options *options)
{
    const char *keywords[] = {"keepalives_idle",           "keepalives_interval",
                              "keepalives_count",          "tcp_user_timeout",
                              "fallback_application_name", "dbname",
                              "client_encoding",           NULL};
    const char *values[] = {"10",   "5", "3", "15000", options->application, options->conninfo,
                            "UTF8", NULL};
    return PQconnectStartParams(keywords, values, 1);
}

static int connect_seconds(PGconn *pg)
{
    int seconds = CONNECT_SECONDS;
    PQconninfoOption *options = PQconninfo(pg);
    for (PQconninfoOption *o = options; o && o->keyword; o++)
        if (strcmp(o->keyword, "connect_timeout") == 0 && o->val && atoi(o->val) > 0)
            seconds = atoi(o->val);
    PQconninfoFree(options);
    return seconds;
}

static bool finish_connecting(weir_connection *connection, weir_error *error)
{
    PGconn *pg = connection->pg;
    if (!pg || PQstatus(pg) == CONNECTION_BAD)
        return weir_connection_fail(connection, NULL, error);
    int64_t deadline = weir_clock_monotonic_us() + (int64_t)connect_seconds(pg) * 1000000;
    PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
    while (wanted == PGRES_POLLING_READING || wanted == PGRES_POLLING_WRITING) {
        struct pollfd fd = {PQsocket(pg), wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
        int ready = poll(&fd, 1, 100);
        if (connection->stop && weir_stop_requested(connection->stop))
            return weir_fail(error, WEIR_FATE_RETRY, "stopped while connecting");
        if (weir_clock_monotonic_us() > deadline)
            return weir_fail(error, WEIR_FATE_RETRY, "connecting to PostgreSQL timed out");
        if (ready > 0)
            wanted = PQconnectPoll(pg);
    }
    if (wanted != PGRES_POLLING_OK)
        return weir_connection_fail(connection, NULL, error);
    return true;
}

static bool pin_session(weir_connection *connection, weir_error *error)
{
    weir_result *result = weir_connection_query(connection, "session", NULL, 0, error);
    weir_result_free(result);
    return result != NULL;
}

weir_connection *weir_connection_open(const weir_connection_options *options, weir_error *error)
{
    weir_connection *connection = weir_calloc(1, sizeof *connection);
    connection->schema = weir_strdup(options->schema ? options->schema : "weir");
    connection->stop = options->stop;
    connection->pg = start_connection(options);
    if (!finish_connecting(connection, error) || PQsetnonblocking(connection->pg, 1) != 0)
        goto failed;
    PQsetNoticeProcessor(connection->pg, on_notice, NULL);
    connection->cancel = PQgetCancel(connection->pg);
    if (!pin_session(connection, error))
        goto failed;
    return connection;
failed:
    weir_connection_close(connection);
    return NULL;
}

void weir_connection_close(weir_connection *connection)
{
    if (!connection)
        return;
    PQfreeCancel(connection->cancel);
    PQfinish(connection->pg);
    weir_connection_forget(connection);
    free(connection->schema);
    free(connection);
}

void weir_connection_cancel(weir_connection *connection)
{
    char text[256];
    if (connection->cancel)
        PQcancel(connection->cancel, text, sizeof text);
}

bool weir_connection_alive(const weir_connection *connection)
{
    return connection && !connection->broken && PQstatus(connection->pg) == CONNECTION_OK;
}

const char *weir_connection_schema(const weir_connection *connection)
{
    return connection->schema;
}

bool weir_connection_in_transaction(const weir_connection *connection)
{
    PGTransactionStatusType status = PQtransactionStatus(connection->pg);
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

int weir_connection_error_position(const weir_connection *connection)
{
    return connection->error_position;
}

/* Details end with a full stop, primary messages do not. */
static const char *join_hint(const char *before)
{
    size_t length = before ? strlen(before) : 0;
    return length > 0 && before[length - 1] == '.' ? " Hint: " : ". Hint: ";
}

bool weir_connection_fail(weir_connection *connection, const PGresult *result, weir_error *error)
{
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *detail = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL) : NULL;
    const char *hint = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_HINT) : NULL;
    const char *place = result ? PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION) : NULL;
    connection->error_position = place ? atoi(place) : 0;
    weir_error_clear(error);
    weir_fail(error, weir_sqlstate_fate(sqlstate ? sqlstate : ""), "%s%s%s%s%s",
              message ? message : PQerrorMessage(connection->pg), detail ? ": " : "",
              detail ? detail : "", hint ? join_hint(detail ? detail : message) : "",
              hint ? hint : "");
    trim(error->message);
    if (sqlstate)
        snprintf(error->sqlstate, sizeof error->sqlstate, "%s", sqlstate);
    /* Somebody dropped or swapped the session's prepared statements: it is not the one we know. */
    if (strcmp(error->sqlstate, "26000") == 0 || strcmp(error->sqlstate, "42P05") == 0)
        connection->broken = true;
    return false;
}

/* A stop was seen long ago and the server still has not answered. */
static bool give_up(weir_connection *connection, weir_error *error)
{
    weir_connection_cancel(connection);
    connection->broken = true;
    return weir_fail(error, WEIR_FATE_RETRY,
                     "a statement was cancelled, since a stop was requested");
}

static bool wait_once(weir_connection *connection, bool writing, weir_error *error)
{
    weir_stop *stop = connection->stop;
    struct pollfd fds[2] = {{PQsocket(connection->pg), POLLIN, 0}, {-1, POLLIN, 0}};
    if (writing)
        fds[0].events |= POLLOUT;
    int timeout = -1;
    if (stop && connection->deadline_us == 0)
        fds[1].fd = stop->event;
    if (connection->deadline_us > 0) {
        int64_t left = connection->deadline_us - weir_clock_monotonic_us();
        if (left <= 0)
            return give_up(connection, error);
        timeout = (int)(left / 1000) + 1;
    }
    poll(fds, 2, timeout);
    if (fds[1].revents)
        connection->deadline_us = weir_clock_monotonic_us() + STOP_GRACE_US;
    if ((fds[0].revents & (POLLIN | POLLERR | POLLHUP)) && !PQconsumeInput(connection->pg))
        return weir_connection_fail(connection, NULL, error);
    return true;
}

bool weir_connection_wait(weir_connection *connection, weir_error *error)
{
    for (;;) {
        int unsent = PQflush(connection->pg);
        if (unsent < 0)
            return weir_connection_fail(connection, NULL, error);
        if (!PQisBusy(connection->pg))
            return true;
        if (!wait_once(connection, unsent > 0, error))
            return false;
    }
}

PGresult *weir_connection_next(weir_connection *connection, bool *ok, weir_error *error)
{
    *ok = weir_connection_wait(connection, error);
    if (!*ok)
        return NULL;
    PGresult *result = PQgetResult(connection->pg);
    if (!result && PQstatus(connection->pg) != CONNECTION_OK)
        *ok = weir_connection_fail(connection, NULL, error);
    return result;
}

/* Reads a simple command to its end and keeps its last result; the first failure wins. */
static PGresult *finish(weir_connection *connection, weir_error *error)
{
    PGresult *kept = NULL;
    bool ok = true, failed = false;
    for (;;) {
        PGresult *result = weir_connection_next(connection, &ok, error);
        if (!result)
            break;
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && !failed)
            failed = !weir_connection_fail(connection, result, error);
        PQclear(kept);
        kept = result;
    }
    if (failed || !ok) {
        PQclear(kept);
        return NULL;
    }
    if (!kept)
        weir_fail(error, WEIR_FATE_RETRY, "PostgreSQL gave no result");
    return kept;
}

bool weir_connection_execute(weir_connection *connection, const char *sql, weir_error *error)
{
    if (!PQsendQuery(connection->pg, sql))
        return weir_connection_fail(connection, NULL, error);
    PGresult *result = finish(connection, error);
    PQclear(result);
    return result != NULL;
}

bool weir_connection_prepare(weir_connection *connection, const char *name, const char *sql,
                             weir_error *error)
{
    if (!PQsendPrepare(connection->pg, name, sql, 0, NULL))
        return weir_connection_fail(connection, NULL, error);
    PGresult *result = finish(connection, error);
    PQclear(result);
    if (!result)
        return false;
    size_t length = strlen(name);
    weir_prepared *entry = weir_calloc(1, sizeof *entry + length + 1);
    memcpy(entry->name, name, length);
    HASH_ADD_KEYPTR(hh, connection->prepared, entry->name, length, entry);
    return true;
}

bool weir_connection_ready(weir_connection *connection, const char *statement, weir_error *error)
{
    weir_prepared *entry;
    HASH_FIND_STR(connection->prepared, statement, entry);
    if (entry)
        return true;
    const char *sql = weir_sql_find(statement);
    if (!sql)
        return weir_fail(error, WEIR_FATE_FATAL, "there is no statement '%s'", statement);
    char *rendered = weir_sql_render(sql, connection->schema);
    bool ok = weir_connection_prepare(connection, statement, rendered, error);
    free(rendered);
    return ok || weir_error_prefix(error, "statement %s", statement);
}

void weir_connection_forget(weir_connection *connection)
{
    weir_prepared *entry, *next;
    HASH_ITER(hh, connection->prepared, entry, next)
    {
        HASH_DEL(connection->prepared, entry);
        free(entry);
    }
}

#define INLINE_PARAMS 32

static bool send_call(weir_connection *connection, const char *statement, const char *sql,
                      const weir_param *params, int count, bool binary_result)
{
    const char *values[INLINE_PARAMS];
    int lengths[INLINE_PARAMS], formats[INLINE_PARAMS];
    if (count > INLINE_PARAMS)
        return false;
    for (int i = 0; i < count; i++) {
        values[i] = params[i].value;
        lengths[i] = params[i].length;
        formats[i] = params[i].binary;
    }
    if (statement)
        return PQsendQueryPrepared(connection->pg, statement, count, values, lengths, formats,
                                   binary_result);
    return PQsendQueryParams(connection->pg, sql, count, NULL, values, lengths, formats,
                             binary_result);
}

bool weir_connection_send(weir_connection *connection, const char *statement,
                          const weir_param *params, int count, bool binary_result,
                          weir_error *error)
{
    if (!send_call(connection, statement, NULL, params, count, binary_result))
        return weir_connection_fail(connection, NULL, error);
    return true;
}

weir_result *weir_connection_query(weir_connection *connection, const char *statement,
                                   const weir_param *params, int count, weir_error *error)
{
    if (!weir_connection_ready(connection, statement, error) ||
        !weir_connection_send(connection, statement, params, count, false, error))
        return NULL;
    return (weir_result *)finish(connection, error);
}

bool weir_connection_send_text(weir_connection *connection, const char *sql,
                               const weir_param *params, int count, weir_error *error)
{
    if (!send_call(connection, NULL, sql, params, count, false))
        return weir_connection_fail(connection, NULL, error);
    return true;
}

weir_result *weir_connection_text(weir_connection *connection, const char *sql,
                                  const weir_param *params, int count, weir_error *error)
{
    if (!weir_connection_send_text(connection, sql, params, count, error))
        return NULL;
    return (weir_result *)finish(connection, error);
}
