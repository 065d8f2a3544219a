/* Kafka client configuration: the settings every client of ours shares, kafka.properties passed
 * through, and librdkafka's own log lines turned into ours. With producer/kafka*.c and
 * consumer/kafka*.c the only files that see rdkafka.h. */
#ifndef WEIR_CONFIG_KAFKA_H
#define WEIR_CONFIG_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "config/config.h"

/* weir_kafka_conf makes a configuration with bootstrap.servers, client.id and kafka.properties set.
 * `ours` are property, value pairs that the caller's correctness depends on, ending with NULL: they
 * are set last and a kafka.properties entry that contradicts one is a CONFIG error that says so.
 * The caller owns the result until rd_kafka_new takes it. */
rd_kafka_conf_t *weir_kafka_conf(const weir_config *config, const char *const *ours,
                                 weir_error *error);

/* weir_kafka_fail fills error from a Kafka code: fate RETRY for what passes by itself (transport,
 * timeouts, leadership), CONFIG for authorisation, unknown settings and what cannot be unpacked
 * (with the way out), FATAL for fenced and fatal producers, POISON for a message that the broker
 * refuses for good. Returns false. */
bool weir_kafka_fail(weir_error *error, rd_kafka_resp_err_t code, const char *format, ...)
    WEIR_PRINTF(3, 4);

/* weir_kafka_ends asks for a partition's first offset and its end, as the client's isolation.level
 * has it, both within timeout_ms: rd_kafka_query_watermark_offsets of librdkafka 2.0 waits for ever
 * for a leader that hangs. */
WEIR_MUST_USE rd_kafka_resp_err_t weir_kafka_ends(rd_kafka_t *client, const char *topic,
                                                  int32_t partition, int64_t *low, int64_t *high,
                                                  int timeout_ms);

/* weir_kafka_check validates kafka.properties without connecting; for `config check`. */
WEIR_MUST_USE bool weir_kafka_check(const weir_config *config, weir_error *error);

#endif
