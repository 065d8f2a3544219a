/* What the Kafka files of this folder share. The only private header here that sees librdkafka. */
#ifndef WEIR_PRODUCER_KAFKA_INT_H
#define WEIR_PRODUCER_KAFKA_INT_H

#include "config/kafka.h"
#include "producer/sink_int.h"

/* Longest life of a transaction that nobody ends; also how long a message in one may wait. */
#define WEIR_TRANSACTION_MS "10000"

/* The sink's inside, for its files. */
struct weir_sink {
    rd_kafka_t *client;
    struct weir_sink_topic *topics, *latest;
    weir_delivery_fn *delivered;
    void *context;
    char *transactional_id; /* NULL: no transactions */
    bool open;              /* a transaction is begun and not committed */
    bool failed;            /* it can no longer be committed; failure says why */
    weir_error failure;
    int64_t committing_since_us; /* 0: not now */
    bool closing, cut_off;
};

/* weir_relay_client_conf is weir_kafka_conf, made quiet: that a broker cannot be reached is said by
 * the relay, once, and not by every try. */
rd_kafka_conf_t *weir_relay_client_conf(const weir_config *config, const char *const *ours,
                                        weir_error *error);

/* weir_relay_client_set overrides property, value pairs that end with NULL. */
WEIR_MUST_USE bool weir_relay_client_set(rd_kafka_conf_t *conf, const char *const *pairs,
                                         weir_error *error);

/* weir_relay_consumer_open makes a consumer with these pairs over the configuration; the caller
 * destroys it. NULL with CONFIG when librdkafka refuses one. */
rd_kafka_t *weir_relay_consumer_open(const weir_config *config, const char *const *pairs,
                                     weir_error *error);

/* weir_tail_reader_client is the client inside a tail reader, for the Admin API. */
struct weir_tail_reader;
rd_kafka_t *weir_tail_reader_client(struct weir_tail_reader *reader, weir_stop **stop);

/* weir_tail_reader_interrupted is to be asked all the while that Kafka is waited for: true, with
 * RETRY, when the wait is to end. */
bool weir_tail_reader_interrupted(const struct weir_tail_reader *reader, weir_error *error);

/* weir_kafka_refuse_topic is weir_kafka_fail with what to do about it, if that is known. */
bool weir_kafka_refuse_topic(rd_kafka_resp_err_t code, const char *verb, const char *topic,
                             weir_error *error);

/* weir_sink_begin begins a transaction if the sink has transactions and none is open. */
WEIR_MUST_USE bool weir_sink_begin(weir_sink *sink, weir_error *error);

/* weir_sink_abort ends an open transaction, if that takes no time. */
void weir_sink_abort(weir_sink *sink);

#endif
