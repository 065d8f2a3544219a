/* Making a consumer, and reading the headers of a message.
 *
 * What correctness depends on is fixed; what only bounds memory and latency gives way to the
 * configuration's kafka.properties. Memory: at most fetch.max.bytes on the way from each broker and
 * queued.max.messages.kbytes of data waiting, whatever the backlog. The queue must hold what is
 * applied in a second: librdkafka below 2.2, once it is full, fetches nothing for that long. */
#include "consumer/kafka_int.h"

#include <string.h>

static const char *const tuning[][2] = {
    {"session.timeout.ms", "10000"},           {"fetch.wait.max.ms", "50"},
    {"fetch.error.backoff.ms", "100"},         {"fetch.max.bytes", "8388608"},
    {"receive.message.max.bytes", "33554432"}, /* one large message passes fetch.max.bytes */
    {"queued.min.messages", "50000"},          {"queued.max.messages.kbytes", "16384"},
    {"reconnect.backoff.max.ms", "2000"},      {"topic.metadata.refresh.interval.ms", "10000"},
    {"message.max.bytes", "8388608"}, /* zstd unpacks no further */
};

static bool is_configured(const weir_config *config, const char *property)
{
    for (size_t i = 0; i < weir_config_count(config, "kafka.properties"); i++)
        if (strcmp(weir_config_item_key(config, "kafka.properties", i), property) == 0)
            return true;
    return false;
}

static bool tune(rd_kafka_conf_t *conf, const weir_config *config, weir_error *error)
{
    char text[256];
    for (size_t i = 0; i < sizeof tuning / sizeof *tuning; i++) {
        if (is_configured(config, tuning[i][0]))
            continue;
        if (rd_kafka_conf_set(conf, tuning[i][0], tuning[i][1], text, sizeof text) !=
            RD_KAFKA_CONF_OK)
            return weir_fail(error, WEIR_FATE_CONFIG, "kafka.properties: %s", text);
    }
    return true;
}

rd_kafka_t *weir_kafka_consumer(const weir_config *config, const char *group,
                                weir_rebalance_fn *rebalance, void *opaque, weir_error *error)
{
    const char *const ours[] = {"group.id",
                                group,
                                "partition.assignment.strategy",
                                "range",
                                "enable.auto.commit",
                                "false",
                                "enable.auto.offset.store",
                                "false",
                                "auto.offset.reset",
                                "error",
                                "isolation.level",
                                "read_committed",
                                "enable.partition.eof",
                                "true",
                                NULL};
    char text[256];
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, error);
    if (!conf)
        return NULL;
    if (!tune(conf, config, error)) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, opaque);
    if (rebalance)
        rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    rd_kafka_t *kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!kafka) {
        rd_kafka_conf_destroy(conf);
        weir_fail(error, WEIR_FATE_CONFIG, "Kafka consumer: %s", text);
        return NULL;
    }
    rd_kafka_poll_set_consumer(kafka);
    return kafka;
}

size_t weir_kafka_headers(const rd_kafka_message_t *message, weir_header headers[WEIR_MAX_HEADERS],
                          size_t *bytes)
{
    rd_kafka_headers_t *all;
    size_t count = 0;
    if (rd_kafka_message_headers(message, &all) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    for (; count < WEIR_MAX_HEADERS; count++) {
        const void *value;
        weir_header *header = &headers[count];
        if (rd_kafka_header_get_all(all, count, &header->name, &value, &header->length) !=
            RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        header->value = value; /* librdkafka puts a NUL behind it */
        *bytes += header->length;
    }
    return count;
}
