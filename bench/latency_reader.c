/* latency_reader TOPIC COUNT: a consumer that knows nothing of weir, and says when each of COUNT
 * messages reached it.
 *
 * It reads from the ends of a topic that exists, as a consumer of committed transactions does, and
 * prints "ready" when it waits there. Then, when it has COUNT messages, a line each: ce_id, and
 * microseconds of the monotonic clock, which all processes of a host share. It keeps librdkafka's
 * defaults, and dies when nothing comes for a minute. WEIR_KAFKA_BROKERS says where. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/topic.h"

#define PATIENCE_MS 60000

typedef struct arrival {
    char id[64];
    int64_t at_us;
} arrival;

static rd_kafka_t *open_consumer(void)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_conf_set(conf, "bootstrap.servers", bench_environment("WEIR_KAFKA_BROKERS"));
    bench_conf_set(conf, "group.id", "bench");
    bench_conf_set(conf, "enable.auto.commit", "false");
    bench_conf_set(conf, "enable.partition.eof", "true");
    bench_conf_set(conf, "isolation.level", "read_committed");
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer)
        bench_die("%s", why);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

static rd_kafka_message_t *next_message(rd_kafka_t *consumer)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, PATIENCE_MS);
    if (!message)
        bench_die("no message within %d ms", PATIENCE_MS);
    if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        bench_die("%s", rd_kafka_message_errstr(message));
    return message;
}

/* Waits at the end of every partition. */
static void begin(rd_kafka_t *consumer, const char *topic)
{
    int partitions = bench_topic_assign(consumer, topic, RD_KAFKA_OFFSET_END);
    for (int open = partitions; open > 0; open--) {
        rd_kafka_message_t *message = next_message(consumer);
        if (!message->err)
            bench_die("topic %s is written to already", topic);
        rd_kafka_message_destroy(message);
    }
    puts("ready");
    fflush(stdout);
}

static void receive(rd_kafka_t *consumer, arrival *arrivals, size_t count)
{
    for (size_t seen = 0; seen < count;) {
        rd_kafka_message_t *message = next_message(consumer);
        if (!message->err) {
            const char *id = bench_header(message, "ce_id");
            arrivals[seen].at_us = weir_clock_monotonic_us();
            snprintf(arrivals[seen++].id, sizeof arrivals->id, "%s", id ? id : "?");
        }
        rd_kafka_message_destroy(message);
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[2]) < 1)
        bench_die("usage: latency_reader TOPIC COUNT");
    size_t count = (size_t)atoi(argv[2]);
    arrival *arrivals = weir_calloc(count, sizeof *arrivals);
    rd_kafka_t *consumer = open_consumer();
    begin(consumer, argv[1]);
    receive(consumer, arrivals, count);
    for (size_t i = 0; i < count; i++)
        printf("%s %" PRId64 "\n", arrivals[i].id, arrivals[i].at_us);
    rd_kafka_destroy(consumer);
    free(arrivals);
    return 0;
}
