/* What every Kafka client of ours shares: brokers, client id, kafka.properties, our log, and what
 * an error of librdkafka means for us. */
#include "config/kafka.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static void on_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    weir_log_level ours = level <= LOG_ERR       ? WEIR_LOG_ERROR
                          : level <= LOG_WARNING ? WEIR_LOG_WARN
                          : level <= LOG_INFO    ? WEIR_LOG_INFO
                                                 : WEIR_LOG_DEBUG;
    /* librdkafka repeats itself at every attempt; what it means is said once, by who decides. */
    if (ours < WEIR_LOG_DEBUG)
        ours = ours == WEIR_LOG_ERROR && level <= LOG_CRIT ? WEIR_LOG_ERROR : WEIR_LOG_DEBUG;
    WEIR_LOG(ours, "kafka", rd_kafka_name(kafka), text, WEIR_TEXT("facility", facility));
}

static bool set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *where,
                weir_error *error)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    return weir_fail(error, WEIR_FATE_CONFIG, "%s: %s", where, why);
}

/* A property that correctness depends on must not be set to something else. */
static bool contradicts(const char *const *ours, const char *name, const char *value,
                        const char *where, weir_error *error)
{
    for (; ours && *ours; ours += 2)
        if (strcmp(ours[0], name) == 0 && strcmp(ours[1], value) != 0)
            return !weir_fail(error, WEIR_FATE_CONFIG,
                              "%s: kafka.properties sets %s to '%s', but weir needs '%s' there",
                              where, name, value, ours[1]);
    return false;
}

static bool set_properties(rd_kafka_conf_t *conf, const weir_config *config,
                           const char *const *ours, weir_error *error)
{
    const char *where = weir_config_source(config, "kafka.properties");
    for (size_t i = 0; i < weir_config_count(config, "kafka.properties"); i++) {
        const char *name = weir_config_item_key(config, "kafka.properties", i);
        const char *value = weir_config_item(config, "kafka.properties", i);
        if (contradicts(ours, name, value, where, error) || !set(conf, name, value, where, error))
            return false;
    }
    for (; ours && *ours; ours += 2)
        if (!set(conf, ours[0], ours[1], "weir", error))
            return false;
    return true;
}

rd_kafka_conf_t *weir_kafka_conf(const weir_config *config, const char *const *ours,
                                 weir_error *error)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (set(conf, "bootstrap.servers", weir_config_text(config, "kafka.brokers"),
            weir_config_source(config, "kafka.brokers"), error) &&
        set(conf, "client.id", "weir", "weir", error) &&
        set(conf, "log.connection.close", "false", "weir", error) &&
        set_properties(conf, config, ours, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static const struct {
    rd_kafka_resp_err_t code;
    weir_fate fate;
} fates[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR__BAD_MSG, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR__FATAL, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR__FENCED, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, WEIR_FATE_CONFIG},
};

static weir_fate fate_of(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (fates[i].code == code)
            return fates[i].fate;
    return WEIR_FATE_RETRY;
}

bool weir_kafka_fail(weir_error *error, rd_kafka_resp_err_t code, const char *format, ...)
{
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weir_fail(error, fate_of(code), "%s: %s", text, rd_kafka_err2str(code));
    error->kafka_code = code;
    return false;
}

bool weir_kafka_check(const weir_config *config, weir_error *error)
{
    rd_kafka_conf_t *conf = weir_kafka_conf(config, NULL, error);
    if (conf)
        rd_kafka_conf_destroy(conf);
    return conf != NULL;
}
