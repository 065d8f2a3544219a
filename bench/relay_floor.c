/* relay_floor SOURCE TARGET PROPERTY=VALUE...: what it costs to bring the messages of topic SOURCE
 * into topic TARGET when nothing has to be read, remembered or made: a bare producer.
 *
 * The messages (key, value, headers, timestamp, partition) are in memory before the clock starts,
 * in the order of their positions, which is the order in which the relay produced them. The clock
 * runs from making the producer to the last acknowledgement. TARGET must exist; the properties are
 * those that the relay produces with. Prints one line of JSON. WEIR_KAFKA_BROKERS says where. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/topic.h"

#define POLL_EVERY 256

typedef struct ready {
    int64_t position;
    rd_kafka_message_t *message;
    rd_kafka_headers_t *headers; /* owned until produced */
    int64_t timestamp;
} ready;

typedef struct tally {
    size_t delivered;
    rd_kafka_resp_err_t failure;
} tally;

static int by_position(const void *a, const void *b)
{
    int64_t left = ((const ready *)a)->position, right = ((const ready *)b)->position;
    return (left > right) - (left < right);
}

static ready *prepare(const bench_topic *topic)
{
    ready *messages = weir_calloc(topic->count, sizeof *messages);
    for (size_t i = 0; i < topic->count; i++) {
        rd_kafka_message_t *message = topic->messages[i];
        const char *position = bench_header(message, "ce_position");
        rd_kafka_timestamp_type_t type;
        if (!position)
            bench_die("a message without ce_position");
        messages[i] = (ready){strtoll(position, NULL, 10), message, NULL,
                              rd_kafka_message_timestamp(message, &type)};
        if (rd_kafka_message_detach_headers(message, &messages[i].headers))
            bench_die("a message without headers");
    }
    qsort(messages, topic->count, sizeof *messages, by_position);
    return messages;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    tally *t = opaque;
    (void)producer;
    if (message->err)
        t->failure = message->err;
    else
        t->delivered++;
}

static rd_kafka_conf_t *configure(char **properties, int count)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_conf_set(conf, "bootstrap.servers", bench_environment("WEIR_KAFKA_BROKERS"));
    for (int i = 0; i < count; i++) {
        char *value = strchr(properties[i], '=');
        if (!value)
            bench_die("%s is not PROPERTY=VALUE", properties[i]);
        *value++ = '\0';
        bench_conf_set(conf, properties[i], value);
        value[-1] = '=';
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    return conf;
}

/* Payloads stay where they are until acknowledged: no copy. A full queue is waited for. */
static void produce(rd_kafka_t *producer, rd_kafka_topic_t *target, const ready *next)
{
    const rd_kafka_message_t *message = next->message;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_RKT(target), RD_KAFKA_V_PARTITION(message->partition),
            RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(message->key, message->key_len),
            RD_KAFKA_V_VALUE(message->payload, message->len), RD_KAFKA_V_HEADERS(next->headers),
            RD_KAFKA_V_TIMESTAMP(next->timestamp), RD_KAFKA_V_END);
        if (!code)
            return;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            bench_die("%s", rd_kafka_err2str(code));
        rd_kafka_poll(producer, 10);
    }
}

static rd_kafka_t *produce_all(rd_kafka_conf_t *conf, const char *target, const ready *messages,
                               size_t count)
{
    char why[256];
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!producer)
        bench_die("%s", why);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, target, NULL);
    for (size_t i = 0; i < count; i++) {
        produce(producer, topic, &messages[i]);
        if (i % POLL_EVERY == 0)
            rd_kafka_poll(producer, 0);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, -1);
    if (code)
        bench_die("%s", rd_kafka_err2str(code));
    rd_kafka_topic_destroy(topic);
    return producer;
}

static void print_setting(rd_kafka_t *producer, const char *name)
{
    char value[512];
    size_t size = sizeof value;
    const rd_kafka_conf_t *conf = rd_kafka_conf(producer);
    if (rd_kafka_conf_get(conf, name, value, &size) == RD_KAFKA_CONF_OK)
        printf(", \"%s\": \"%s\"", name, value);
}

static void report(rd_kafka_t *producer, size_t events, double seconds, double cpu)
{
    static const char *const shown[] = {"acks",
                                        "compression.codec",
                                        "linger.ms",
                                        "batch.size",
                                        "batch.num.messages",
                                        "enable.idempotence",
                                        "max.in.flight.requests.per.connection"};
    printf("{\"events\": %zu, \"seconds\": %.6f, \"cpu_seconds\": %.3f, \"librdkafka\": \"%s\"",
           events, seconds, cpu, rd_kafka_version_str());
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
        print_setting(producer, shown[i]);
    puts("}");
}

int main(int argc, char **argv)
{
    if (argc < 3)
        bench_die("usage: relay_floor SOURCE TARGET PROPERTY=VALUE...");
    bench_topic source;
    bench_topic_load(&source, bench_environment("WEIR_KAFKA_BROKERS"), argv[1]);
    ready *messages = prepare(&source);
    tally outcome = {0};
    rd_kafka_conf_t *conf = configure(argv + 3, argc - 3);
    rd_kafka_conf_set_opaque(conf, &outcome);

    double cpu = bench_cpu_seconds();
    int64_t started = weir_clock_monotonic_us();
    rd_kafka_t *producer = produce_all(conf, argv[2], messages, source.count);
    int64_t ended = weir_clock_monotonic_us();
    cpu = bench_cpu_seconds() - cpu;

    if (outcome.failure || outcome.delivered != source.count)
        bench_die("%zu of %zu delivered; %s", outcome.delivered, source.count,
                  rd_kafka_err2str(outcome.failure));
    report(producer, source.count, (double)(ended - started) / 1e6, cpu);
    rd_kafka_destroy(producer);
    free(messages);
    bench_topic_free(&source);
    return 0;
}
