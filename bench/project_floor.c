/* project_floor each|aggregate SOURCE STATEMENT SCHEMA BATCH: what it costs to apply the events of
 * topic SOURCE with the runtime's own statement (the text of file STATEMENT, its relation `events`
 * already injected) to the tables of SCHEMA, when the events need no fetching and no decoding.
 *
 * Events come in the order in which the topic gave them, BATCH in a transaction, which also moves
 * the checkpoint rows of subscription bench_floor by compare-and-swap, as the runtime does. All of
 * it is encoded before the clock starts; then one connection sends it, one pipeline and one sync a
 * batch. Prints one line of JSON. WEIR_STORE_CONNINFO and WEIR_KAFKA_BROKERS say where. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/batches.h"

#define MOVE                                                                                       \
    "SELECT weir.move_checkpoints('bench_floor', 1, $1::text[], $2::integer[], $3::integer[], "    \
    "$4::integer[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])"
#define STATEMENT_LIMIT 65536

static void expect(PGconn *connection, PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status)
        bench_die("%s%s", PQresultErrorMessage(result), PQerrorMessage(connection));
    PQclear(result);
}

static char *read_file(const char *path)
{
    char *text = weir_calloc(1, STATEMENT_LIMIT);
    FILE *file = fopen(path, "r");
    if (!file || fread(text, 1, STATEMENT_LIMIT - 1, file) == 0)
        bench_die("cannot read %s", path);
    fclose(file);
    return text;
}

static PGconn *open_connection(const char *schema, const char *statement)
{
    PGconn *connection = PQconnectdb(bench_environment("WEIR_STORE_CONNINFO"));
    if (PQstatus(connection) != CONNECTION_OK)
        bench_die("%s", PQerrorMessage(connection));
    const char *search_path[] = {schema};
    expect(connection,
           PQexecParams(connection, "SELECT set_config('search_path', $1, false)", 1, NULL,
                        search_path, NULL, NULL, 0),
           PGRES_TUPLES_OK);
    char *sql = read_file(statement);
    expect(connection, PQprepare(connection, "apply", sql, 0, NULL), PGRES_COMMAND_OK);
    expect(connection, PQprepare(connection, "move", MOVE, 0, NULL), PGRES_COMMAND_OK);
    free(sql);
    return connection;
}

static void must_send(PGconn *connection, int sent)
{
    if (!sent)
        bench_die("%s", PQerrorMessage(connection));
}

/* Reads the results of count calls and of the sync. */
static void receive(PGconn *connection, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        PGresult *result = PQgetResult(connection);
        ExecStatusType status = PQresultStatus(result);
        expect(connection, result, status == PGRES_TUPLES_OK ? status : PGRES_COMMAND_OK);
        PQclear(PQgetResult(connection)); /* the NULL between two calls */
    }
    expect(connection, PQgetResult(connection), PGRES_PIPELINE_SYNC);
}

/* Without a BEGIN, what lies between two syncs is one transaction. */
static void run_batch(PGconn *connection, const bench_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const bench_call *call = &batch->calls[i];
        must_send(connection, PQsendQueryPrepared(connection, "apply", BENCH_COLUMNS, call->values,
                                                  call->lengths, call->formats, 0));
    }
    must_send(connection,
              PQsendQueryPrepared(connection, "move", BENCH_MOVES, batch->moves, NULL, NULL, 0));
    must_send(connection, PQpipelineSync(connection));
    receive(connection, batch->count + 1);
}

int main(int argc, char **argv)
{
    if (argc != 6 || atoi(argv[5]) < 1)
        bench_die("usage: project_floor each|aggregate SOURCE STATEMENT SCHEMA BATCH");
    bool each = strcmp(argv[1], "each") == 0;
    bench_topic source;
    bench_topic_load(&source, bench_environment("WEIR_KAFKA_BROKERS"), argv[2]);
    bench_batches batches;
    bench_batches_encode(&batches, &source, argv[2], each, (size_t)atoi(argv[5]));
    PGconn *connection = open_connection(argv[4], argv[3]);
    PQenterPipelineMode(connection);

    int64_t started = weir_clock_monotonic_us();
    for (size_t i = 0; i < batches.count; i++)
        run_batch(connection, &batches.items[i]);
    int64_t ended = weir_clock_monotonic_us();

    printf("{\"events\": %zu, \"seconds\": %.6f, \"transactions\": %zu, \"statements\": %zu}\n",
           source.count, (double)(ended - started) / 1e6, batches.count, batches.statements);
    PQfinish(connection);
    weir_arena_free(batches.arena);
    bench_topic_free(&source);
    return 0;
}
