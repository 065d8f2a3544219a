/* load_floor MODE TYPE ID LOADS: what it costs to read an aggregate's rows with bare libpq and to
 * fold them, LOADS times, each statement prepared once. MODE is how:
 *
 *   rows    single-row mode, binary     page    PQexecPrepared, binary
 *   text    PQexecPrepared, text        one     PQexecPrepared of the row of the last version alone
 *
 * The rows have all columns that an event has. Prints one line of JSON: seconds are of all loads,
 * the balance and the number of events those of one. WEIR_STORE_CONNINFO says where. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "bench/load.h"
#include "bench/topic.h"

#define COLUMNS                                                                                    \
    "SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, "               \
    "schema_version, data, data_binary, content_type, metadata, time, recorded_at "                \
    "FROM weir.events WHERE aggregate_type = $1 AND aggregate_id = $2"
#define DATA 7

static const struct mode {
    const char *name, *sql;
    bool binary, single;
} modes[] = {
    {"rows", COLUMNS " ORDER BY version", true, true},
    {"page", COLUMNS " ORDER BY version", true, false},
    {"text", COLUMNS " ORDER BY version", false, false},
    {"one", COLUMNS " AND version = $3::bigint", true, false},
};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    bench_die("there is no mode %s", name);
}

/* jsonb's binary form is a version byte and then the text. */
static void fold(const PGresult *result, const struct mode *mode, bench_account *account)
{
    for (int row = 0; row < PQntuples(result); row++)
        bench_account_add(account, PQgetvalue(result, row, DATA) + (mode->binary ? 1 : 0));
}

static void load(PGconn *connection, const struct mode *mode, const char *const *values, int count,
                 bench_account *account)
{
    PGresult *result;
    if (!PQsendQueryPrepared(connection, "load", count, values, NULL, NULL, mode->binary))
        bench_die("%s", PQerrorMessage(connection));
    if (mode->single)
        PQsetSingleRowMode(connection);
    while ((result = PQgetResult(connection))) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE)
            bench_die("%s", PQresultErrorMessage(result));
        fold(result, mode, account);
        PQclear(result);
    }
}

static PGconn *open_connection(const struct mode *mode)
{
    PGconn *connection = PQconnectdb(bench_environment("WEIR_STORE_CONNINFO"));
    PGresult *result = PQprepare(connection, "load", mode->sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("%s", PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

/* The version of the aggregate, as text; read before the clock starts. */
static char *last_version(PGconn *connection, const char *const *values)
{
    PGresult *result = PQexecParams(connection,
                                    "SELECT version FROM weir.streams WHERE aggregate_type = $1 "
                                    "AND aggregate_id = $2",
                                    2, NULL, values, NULL, NULL, 0);
    if (PQntuples(result) != 1)
        bench_die("there is no such aggregate");
    char *version = weir_strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    return version;
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[4]) < 1)
        bench_die("usage: load_floor rows|page|text|one TYPE ID LOADS");
    const struct mode *mode = find_mode(argv[1]);
    const char *values[] = {argv[2], argv[3], NULL};
    bench_account account = {0};
    PGconn *connection = open_connection(mode);
    char *version = last_version(connection, values);
    values[2] = version;
    int count = strcmp(mode->name, "one") == 0 ? 3 : 2;
    load(connection, mode, values, count, &account); /* the server's plan and caches */
    int64_t started = weir_clock_monotonic_us();
    for (int i = atoi(argv[4]); i > 0; i--) {
        account = (bench_account){0};
        load(connection, mode, values, count, &account);
    }
    int64_t ended = weir_clock_monotonic_us();
    printf("{\"events\": %" PRId64 ", \"balance\": %.2f, \"seconds\": %.6f}\n", account.events,
           account.balance, (double)(ended - started) / 1e6);
    free(version);
    PQfinish(connection);
    return 0;
}
