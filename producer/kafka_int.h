/* What the Kafka files of this folder share. The only private header here that sees librdkafka. */
#ifndef WEIR_PRODUCER_KAFKA_INT_H
#define WEIR_PRODUCER_KAFKA_INT_H

#include "config/kafka.h"

/* weir_relay_client_conf is weir_kafka_conf, made quiet: that a broker cannot be reached is said by
 * the relay, once, and not by every try. */
rd_kafka_conf_t *weir_relay_client_conf(const weir_config *config, const char *const *ours,
                                        weir_error *error);

/* weir_relay_client_set overrides property, value pairs that end with NULL. */
WEIR_MUST_USE bool weir_relay_client_set(rd_kafka_conf_t *conf, const char *const *pairs,
                                         weir_error *error);

/* weir_tail_reader_client is the client inside a tail reader, for the Admin API. */
struct weir_tail_reader;
rd_kafka_t *weir_tail_reader_client(struct weir_tail_reader *reader, weir_stop **stop);

/* weir_kafka_refuse_topic is weir_kafka_fail with what to do about it, if that is known. */
bool weir_kafka_refuse_topic(rd_kafka_resp_err_t code, const char *verb, const char *topic,
                             weir_error *error);

#endif
