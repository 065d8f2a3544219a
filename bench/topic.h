/* A topic read whole into memory, so that a floor can be fed without waiting for anything. */
#ifndef WEIR_BENCH_TOPIC_H
#define WEIR_BENCH_TOPIC_H

#include <librdkafka/rdkafka.h>

#include "base/base.h"

typedef struct bench_topic {
    rd_kafka_t *consumer;          /* idle once loaded; the messages' memory hangs on it */
    rd_kafka_message_t **messages; /* in the order in which they arrived */
    size_t count;
    int partitions;
} bench_topic;

/* bench_die prints "program: message" and exits with 1: a benchmark has nothing to recover. */
_Noreturn void bench_die(const char *format, ...) WEIR_PRINTF(1, 2);

/* bench_environment returns a variable that must be set. */
const char *bench_environment(const char *name);

/* bench_conf_set sets one librdkafka property or dies. */
void bench_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value);

/* bench_topic_assign assigns all partitions of a topic from an offset on; returns their number. */
int bench_topic_assign(rd_kafka_t *consumer, const char *name, int64_t offset);

/* bench_topic_read hands over every message, from the beginning to the ends as they are met; each
 * is the callee's to destroy. Returns the consumer, idle. */
typedef void bench_message_fn(void *context, rd_kafka_message_t *message);
rd_kafka_t *bench_topic_read(const char *brokers, const char *name, bench_message_fn *fn,
                             void *context, int *partitions);

/* bench_topic_load reads every message into memory. */
void bench_topic_load(bench_topic *topic, const char *brokers, const char *name);
void bench_topic_free(bench_topic *topic);

/* bench_header returns a header's text, NULL when there is none; it lives with the message. */
const char *bench_header(const rd_kafka_message_t *message, const char *name);

/* bench_cpu_seconds is what this process has used so far, user and system. */
double bench_cpu_seconds(void);

#endif
