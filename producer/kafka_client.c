/* What the relay's Kafka clients share: their configuration, and how a consumer is made. */
#include <string.h>

#include "producer/kafka_int.h"

/* is_no_news: a try that failed and will be repeated, which the error callback tells too; what a
 * stopping relay leaves behind, which it says itself; that a property which the relay needs is
 * called experimental; that kafka.properties, which are for every client, have some for the other
 * kind. */
static bool is_no_news(const char *facility, const char *text)
{
    static const char *const facilities[] = {"FAIL",     "ERROR",    "GETPID",
                                             "REQTMOUT", "METADATA", "TERMINATE"};
    for (size_t i = 0; i < sizeof facilities / sizeof *facilities; i++)
        if (strcmp(facility, facilities[i]) == 0)
            return true;
    return strcmp(facility, "CONFWARN") == 0 &&
           (strstr(text, "enable.gapless.guarantee") || strstr(text, "will be ignored by this"));
}

static void on_log(const rd_kafka_t *client, int severity, const char *facility, const char *text)
{
    weir_log_level level = is_no_news(facility, text) ? WEIR_LOG_DEBUG
                           : severity <= 3            ? WEIR_LOG_ERROR
                           : severity == 4            ? WEIR_LOG_WARN
                           : severity <= 6            ? WEIR_LOG_INFO
                                                      : WEIR_LOG_DEBUG;
    WEIR_LOG(level, "kafka", client ? rd_kafka_name(client) : "relay", text,
             WEIR_TEXT("facility", facility));
}

rd_kafka_conf_t *weir_relay_client_conf(const weir_config *config, const char *const *ours,
                                        weir_error *error)
{
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, error);
    if (conf)
        rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

bool weir_relay_client_set(rd_kafka_conf_t *conf, const char *const *pairs, weir_error *error)
{
    char reason[512];
    for (; *pairs; pairs += 2)
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], reason, sizeof reason) != RD_KAFKA_CONF_OK)
            return weir_fail(error, WEIR_FATE_CONFIG, "Kafka property %s: %s", pairs[0], reason);
    return true;
}

rd_kafka_t *weir_relay_consumer_open(const weir_config *config, const char *const *pairs,
                                     weir_error *error)
{
    char reason[512];
    rd_kafka_conf_t *conf = weir_relay_client_conf(config, NULL, error);
    if (!conf)
        return NULL;
    rd_kafka_t *client = NULL;
    if (weir_relay_client_set(conf, pairs, error)) {
        client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof reason);
        if (!client)
            weir_fail(error, WEIR_FATE_CONFIG, "Kafka consumer: %s", reason);
    }
    if (!client)
        rd_kafka_conf_destroy(conf);
    return client;
}
