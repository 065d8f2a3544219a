/* verify_floor TOPIC: what it costs to read the store and then its topic, bare, one after the
 * other.
 *
 * First every event with bare libpq, in position order, all columns, binary, in single-row mode, so
 * that memory is bounded; then every record with a bare librdkafka consumer. Nothing is copied,
 * compared or remembered but how many there were and how large their payloads were. The clock runs
 * from connecting to PostgreSQL to the last record. Prints one line of JSON. WEIR_STORE_CONNINFO
 * and WEIR_KAFKA_BROKERS say where. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>

#include "bench/topic.h"

#define ALL_EVENTS                                                                                 \
    "SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, "               \
    "schema_version, data, data_binary, content_type, metadata, time, recorded_at "                \
    "FROM weir.events ORDER BY position"
#define DATA 7

typedef struct tally {
    int64_t count, bytes;
} tally;

static void add(tally *to, size_t bytes)
{
    to->count++;
    to->bytes += (int64_t)bytes;
}

/* jsonb's binary form is a version byte and then the text. */
static tally read_store(void)
{
    tally events = {0};
    PGresult *result;
    PGconn *connection = PQconnectdb(bench_environment("WEIR_STORE_CONNINFO"));
    if (!PQsendQueryParams(connection, ALL_EVENTS, 0, NULL, NULL, NULL, NULL, 1))
        bench_die("%s", PQerrorMessage(connection));
    PQsetSingleRowMode(connection);
    while ((result = PQgetResult(connection))) {
        if (PQresultStatus(result) == PGRES_SINGLE_TUPLE)
            add(&events, (size_t)PQgetlength(result, 0, DATA) - 1);
        else if (PQresultStatus(result) != PGRES_TUPLES_OK)
            bench_die("%s", PQresultErrorMessage(result));
        PQclear(result);
    }
    PQfinish(connection);
    return events;
}

static void on_message(void *context, rd_kafka_message_t *message)
{
    add(context, message->len);
    rd_kafka_message_destroy(message);
}

int main(int argc, char **argv)
{
    int partitions;
    tally records = {0};
    if (argc != 2)
        bench_die("usage: verify_floor TOPIC");
    double cpu = bench_cpu_seconds();
    int64_t started = weir_clock_monotonic_us();
    tally events = read_store();
    int64_t between = weir_clock_monotonic_us();
    rd_kafka_t *consumer = bench_topic_read(bench_environment("WEIR_KAFKA_BROKERS"), argv[1],
                                            on_message, &records, &partitions);
    int64_t ended = weir_clock_monotonic_us();
    printf("{\"events\": %" PRId64 ", \"event_bytes\": %" PRId64 ", \"records\": %" PRId64
           ", \"record_bytes\": %" PRId64 ", \"seconds\": %.6f, \"store_seconds\": %.6f, "
           "\"cpu_seconds\": %.3f}\n",
           events.count, events.bytes, records.count, records.bytes,
           (double)(ended - started) / 1e6, (double)(between - started) / 1e6,
           bench_cpu_seconds() - cpu);
    rd_kafka_destroy(consumer);
    return 0;
}
