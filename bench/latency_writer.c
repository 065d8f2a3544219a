/* latency_writer FILE: appends events at the moments that FILE says, and says when each was
 * committed. A line of FILE is: microseconds after the start, aggregate type, aggregate id, the
 * event's id, the JSON array for weir.append, separated by tabs, in the order of their moments.
 *
 * Each of a few connections takes the next line, waits for its moment and appends it in a
 * transaction of its own; the clock is read when COMMIT has returned. Prints a line an event, at
 * the end: its id, then microseconds of the monotonic clock, which all processes of a host share.
 * Late appends are not skipped. WEIR_STORE_CONNINFO says where. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/topic.h"

#define CONNECTIONS 4
#define LINE 65536
#define START_US 200000

typedef struct planned {
    int64_t due_us, committed_us;
    char *type, *aggregate, *id, *events;
} planned;

static struct {
    planned *list;
    size_t count;
    atomic_size_t next;
    int64_t started_us;
} plan;

static char *next_field(char **rest)
{
    char *field = strsep(rest, "\t");
    if (!field || !*rest)
        bench_die("a line with too few fields");
    return weir_strdup(field);
}

static void read_plan(const char *path)
{
    static char line[LINE];
    size_t capacity = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        bench_die("%s cannot be read", path);
    while (fgets(line, sizeof line, file)) {
        if (plan.count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            plan.list = weir_realloc(plan.list, capacity * sizeof *plan.list);
        }
        char *rest = line;
        planned *next = &plan.list[plan.count++];
        line[strcspn(line, "\n")] = '\0';
        next->due_us = strtoll(strsep(&rest, "\t"), NULL, 10);
        next->type = next_field(&rest);
        next->aggregate = next_field(&rest);
        next->id = next_field(&rest);
        next->events = weir_strdup(rest);
    }
    fclose(file);
}

static PGconn *open_connection(void)
{
    PGconn *connection = PQconnectdb(bench_environment("WEIR_STORE_CONNINFO"));
    PGresult *result = PQprepare(
        connection, "append", "SELECT weir.append($1::text, $2::text, NULL, $3::jsonb)", 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("%s", PQerrorMessage(connection));
    PQclear(result);
    return connection;
}

static void wait_until(int64_t moment_us)
{
    for (int64_t left; (left = moment_us - weir_clock_monotonic_us()) > 0;) {
        struct timespec rest = {left / 1000000, (left % 1000000) * 1000};
        nanosleep(&rest, NULL);
    }
}

static void *append_planned(void *connection)
{
    for (size_t i; (i = atomic_fetch_add(&plan.next, 1)) < plan.count;) {
        planned *next = &plan.list[i];
        const char *values[] = {next->type, next->aggregate, next->events};
        wait_until(plan.started_us + next->due_us);
        PGresult *result = PQexecPrepared(connection, "append", 3, values, NULL, NULL, 0);
        next->committed_us = weir_clock_monotonic_us();
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            bench_die("%s", PQerrorMessage(connection));
        PQclear(result);
    }
    PQfinish(connection);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[CONNECTIONS];
    PGconn *connections[CONNECTIONS];
    if (argc != 2)
        bench_die("usage: latency_writer FILE");
    read_plan(argv[1]);
    for (int i = 0; i < CONNECTIONS; i++)
        connections[i] = open_connection();
    plan.started_us = weir_clock_monotonic_us() + START_US;
    for (int i = 0; i < CONNECTIONS; i++)
        if (pthread_create(&threads[i], NULL, append_planned, connections[i]))
            bench_die("no thread");
    for (int i = 0; i < CONNECTIONS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < plan.count; i++)
        printf("%s %" PRId64 "\n", plan.list[i].id, plan.list[i].committed_us);
    return 0;
}
