/* Reads a topic, and the few words that the floors share.
 *
 * The consumer lets go of its partitions when everything is there: nothing is fetched while a clock
 * runs. A floor exits on any failure; it must never report a figure for less than the whole. */
#include "bench/topic.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define PATIENCE_MS 60000

void bench_die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("floor: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

const char *bench_environment(const char *name)
{
    const char *value = getenv(name);
    if (!value)
        bench_die("%s is not set", name);
    return value;
}

void bench_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        bench_die("%s", why);
}

static rd_kafka_t *open_consumer(const char *brokers)
{
    static const char *const properties[][2] = {
        {"group.id", "bench"},
        {"enable.auto.commit", "false"},
        {"auto.offset.reset", "error"},
        {"enable.partition.eof", "true"},
        {"queued.min.messages", "1000000"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bench_conf_set(conf, "bootstrap.servers", brokers);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
        bench_conf_set(conf, properties[i][0], properties[i][1]);
    char why[256];
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!consumer)
        bench_die("%s", why);
    rd_kafka_poll_set_consumer(consumer);
    return consumer;
}

int bench_topic_assign(rd_kafka_t *consumer, const char *name, int64_t offset)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(consumer, name, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, handle, &metadata, PATIENCE_MS);
    if (code || metadata->topics[0].err)
        bench_die("topic %s: %s", name, rd_kafka_err2str(code ? code : metadata->topics[0].err));
    int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t i = 0; i < partitions; i++)
        rd_kafka_topic_partition_list_add(list, name, i)->offset = offset;
    if ((code = rd_kafka_assign(consumer, list)) != 0)
        bench_die("topic %s: %s", name, rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(handle);
    return partitions;
}

rd_kafka_t *bench_topic_read(const char *brokers, const char *name, bench_message_fn *fn,
                             void *context, int *partitions)
{
    rd_kafka_t *consumer = open_consumer(brokers);
    *partitions = bench_topic_assign(consumer, name, RD_KAFKA_OFFSET_BEGINNING);
    for (int open = *partitions; open > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, PATIENCE_MS);
        if (!message)
            bench_die("topic %s: no answer within %d ms", name, PATIENCE_MS);
        if (!message->err) {
            fn(context, message);
            continue;
        }
        if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            bench_die("topic %s: %s", name, rd_kafka_message_errstr(message));
        open--;
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(consumer, NULL);
    return consumer;
}

typedef struct growing {
    bench_topic *topic;
    size_t capacity;
} growing;

static void keep(void *context, rd_kafka_message_t *message)
{
    growing *to = context;
    bench_topic *topic = to->topic;
    if (topic->count == to->capacity) {
        to->capacity = to->capacity ? to->capacity * 2 : 1024;
        topic->messages =
            weir_realloc(topic->messages, to->capacity * sizeof(rd_kafka_message_t *));
    }
    topic->messages[topic->count++] = message;
}

void bench_topic_load(bench_topic *topic, const char *brokers, const char *name)
{
    *topic = (bench_topic){0};
    growing to = {.topic = topic};
    topic->consumer = bench_topic_read(brokers, name, keep, &to, &topic->partitions);
    if (topic->count == 0)
        bench_die("topic %s is empty", name);
}

void bench_topic_free(bench_topic *topic)
{
    for (size_t i = 0; i < topic->count; i++)
        rd_kafka_message_destroy(topic->messages[i]);
    free(topic->messages);
    rd_kafka_destroy(topic->consumer);
}

const char *bench_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t length;
    if (rd_kafka_message_headers(message, &headers) ||
        rd_kafka_header_get_last(headers, name, &value, &length))
        return NULL;
    return value;
}

double bench_cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
