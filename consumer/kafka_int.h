/* The inside of the Kafka side, shared by consumer/kafka*.c only. */
#ifndef WEIR_CONSUMER_KAFKA_INT_H
#define WEIR_CONSUMER_KAFKA_INT_H

#include "config/kafka.h"
#include "consumer/kafka_source_int.h"

struct weir_source {
    rd_kafka_t *kafka;
    char *name; /* of the subscription, for the log */
    weir_change_fn *before_change;
    void *context;
    weir_partition *partitions;
    size_t count;
    rd_kafka_message_t *held; /* what the last poll handed out */
    weir_partition *last;     /* a partition's messages come in runs */
    bool alone;               /* no member of a group */
    bool joined, changed;
    bool patient; /* waits for a topic that Kafka does not have */
    unsigned rebalances;
    bool up, known_down;           /* known_down: said in the log */
    int64_t heard_us;              /* when Kafka was last heard of, or asked whether it is there */
    rd_kafka_resp_err_t complaint; /* passing error said last, until something works again */
    char *missing;                 /* a topic that Kafka says it does not have */
    int64_t missing_us;            /* since when */
};

/* weir_kafka_headers fills headers from a message; returns their number. *bytes grows by them. */
size_t weir_kafka_headers(const rd_kafka_message_t *message, weir_header headers[WEIR_MAX_HEADERS],
                          size_t *bytes);

/* weir_kafka_consumer makes a consumer of a group; rebalance (with its opaque) may be NULL for one
 * that never joins. */
typedef void weir_rebalance_fn(rd_kafka_t *kafka, rd_kafka_resp_err_t code,
                               rd_kafka_topic_partition_list_t *list, void *opaque);
rd_kafka_t *weir_kafka_consumer(const weir_config *config, const char *group,
                                weir_rebalance_fn *rebalance, void *opaque, weir_error *error);

/* weir_kafka_partitions asks how many partitions a topic has, *count 0 when that is not known. */
rd_kafka_resp_err_t weir_kafka_partitions(rd_kafka_t *kafka, const char *topic, int32_t *count,
                                          int timeout_ms);

/* weir_source_on_rebalance is librdkafka's rebalance callback; opaque is the source. */
weir_rebalance_fn weir_source_on_rebalance;

/* weir_source_take takes partitions instead of those owned before. */
void weir_source_take(weir_source *source, const rd_kafka_topic_partition_list_t *list);

/* weir_source_find finds an owned partition, NULL if it is not owned. */
weir_partition *weir_source_find(weir_source *source, const char *topic, int32_t number);

/* weir_source_is_up notes that Kafka answers, or does not, and logs the change. */
void weir_source_is_up(weir_source *source, bool up, const char *why);

#endif
