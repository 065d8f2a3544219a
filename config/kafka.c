/* What every Kafka client of ours shares: brokers, client id, kafka.properties, our log, and what
 * an error of librdkafka means for us. */
#include "config/kafka.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "base/suggest.h"
#include "config/config_int.h"

#define VALUE 4096

static void on_log(const rd_kafka_t *kafka, int level, const char *facility, const char *text)
{
    weir_log_level ours = level <= LOG_ERR       ? WEIR_LOG_ERROR
                          : level <= LOG_WARNING ? WEIR_LOG_WARN
                          : level <= LOG_INFO    ? WEIR_LOG_INFO
                                                 : WEIR_LOG_DEBUG;
    /* librdkafka repeats itself at every attempt; what it means is said once, by who decides. */
    if (ours < WEIR_LOG_DEBUG)
        ours = ours == WEIR_LOG_ERROR && level <= LOG_CRIT ? WEIR_LOG_ERROR : WEIR_LOG_DEBUG;
    WEIR_LOG(ours, "kafka", kafka ? rd_kafka_name(kafka) : "client", text,
             WEIR_TEXT("facility", facility));
}

static bool set_own(rd_kafka_conf_t *conf, const char *name, const char *value, weir_error *error)
{
    char why[512];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return true;
    return weir_fail(error, WEIR_FATE_CONFIG, "Kafka property %s: %s", name, why);
}

static bool fail_unknown(rd_kafka_conf_t *conf, const char *name, const char *where,
                         weir_error *error)
{
    size_t count = 0;
    const char **known = rd_kafka_conf_dump(conf, &count); /* name, value, name, value, … */
    weir_suggestion near = {.word = name};
    for (size_t i = 0; i < count; i += 2)
        weir_suggest_offer(&near, known[i]);
    weir_fail(error, WEIR_FATE_CONFIG, "%s: unknown property '%s' in kafka.properties", where,
              name);
    weir_suggest_end(&near, error);
    rd_kafka_conf_dump_free(known, count);
    return false;
}

static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value,
                         const char *where, weir_error *error)
{
    char why[512];
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, why, sizeof why);
    if (result == RD_KAFKA_CONF_UNKNOWN)
        return fail_unknown(conf, name, where, error);
    if (result != RD_KAFKA_CONF_OK)
        return weir_fail(error, WEIR_FATE_CONFIG, "%s: kafka.properties %s: %s", where, name,
                         weir_is_secret_property(name) ? "its value is not accepted" : why);
    return true;
}

static void read_back(const rd_kafka_conf_t *conf, const char *name, char value[VALUE])
{
    size_t size = VALUE;
    if (rd_kafka_conf_get(conf, name, value, &size) != RD_KAFKA_CONF_OK)
        value[0] = '\0';
}

/* agrees sets our property and then the user's, and looks whether ours is what it was: judged by
 * effect, so that aliases and other spellings of a value are judged rightly. */
static bool agrees(const char *const own[2], const char *name, const char *value, const char *where,
                   weir_error *error)
{
    char ours[VALUE], after[VALUE];
    rd_kafka_conf_t *scratch = rd_kafka_conf_new();
    bool ok = set_own(scratch, own[0], own[1], error);
    if (ok) {
        read_back(scratch, own[0], ours);
        ok = set_property(scratch, name, value, where, error);
        read_back(scratch, own[0], after);
    }
    if (ok && strcmp(ours, after) != 0)
        ok = weir_fail(error, WEIR_FATE_CONFIG,
                       "%s: kafka.properties sets %s to '%s', but %s needs %s to be '%s'", where,
                       name, weir_is_secret_property(name) ? "***" : value,
                       strcmp(own[0], "bootstrap.servers") == 0 ? "kafka.brokers" : "weir", own[0],
                       ours);
    rd_kafka_conf_destroy(scratch);
    return ok;
}

static bool set_all(rd_kafka_conf_t *conf, const weir_config *config, const char *const *ours,
                    weir_error *error)
{
    const char *where = weir_config_source(config, "kafka.properties");
    for (size_t i = 0; i < weir_config_count(config, "kafka.properties"); i++) {
        const char *name = weir_config_item_key(config, "kafka.properties", i);
        const char *value = weir_config_item(config, "kafka.properties", i);
        if (!set_property(conf, name, value, where, error))
            return false;
        for (const char *const *own = ours; own && *own; own += 2)
            if (!agrees(own, name, value, where, error))
                return false;
    }
    for (const char *const *own = ours; own && *own; own += 2)
        if (!set_own(conf, own[0], own[1], error))
            return false;
    return true;
}

/* set_defaults sets what users may override. A broker that hangs is noticed by requests it does not
 * answer, alone: librdkafka's own minute of patience would be longer than we may be down. */
static bool set_defaults(rd_kafka_conf_t *conf, weir_error *error)
{
    return set_own(conf, "client.id", "weir", error) &&
           set_own(conf, "log.connection.close", "false", error) &&
           set_own(conf, "socket.timeout.ms", "8000", error);
}

rd_kafka_conf_t *weir_kafka_conf(const weir_config *config, const char *const *ours,
                                 weir_error *error)
{
    const char *const brokers[] = {"bootstrap.servers", weir_config_text(config, "kafka.brokers"),
                                   NULL};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (set_defaults(conf, error) && set_all(conf, config, brokers, error) &&
        set_all(conf, config, ours, error))
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static const struct {
    rd_kafka_resp_err_t code;
    weir_fate fate;
} fates[] = {
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR__BAD_MSG, WEIR_FATE_POISON},
    {RD_KAFKA_RESP_ERR__FATAL, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR__FENCED, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE, WEIR_FATE_FATAL},
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_SECURITY_DISABLED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REQUEST, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_CONFIG, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_INVALID_REPLICA_ASSIGNMENT, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, WEIR_FATE_CONFIG},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, WEIR_FATE_CONFIG},
};

static weir_fate fate_of(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof fates / sizeof *fates; i++)
        if (fates[i].code == code)
            return fates[i].fate;
    return WEIR_FATE_RETRY;
}

/* is_silence: Kafka cannot be reached, or does not answer. */
static bool is_silence(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT ||
           code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ||
           code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT;
}

bool weir_kafka_fail(weir_error *error, rd_kafka_resp_err_t code, const char *format, ...)
{
    static const char unpack[] =
        ". It is broken, or unpacks to more than kafka.properties message.max.bytes allows. Raise "
        "that and fetch.max.bytes, or remove the partition's records up to there, with it "
        "(kafka-delete-records.sh): what the store has of them is read from the store";
    char text[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    weir_fail(error, fate_of(code), "%s: %s%s", text, rd_kafka_err2str(code),
              code == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ? unpack : "");
    error->kafka_code = code;
    if (is_silence(code))
        error->code = WEIR_TIMEOUT;
    return false;
}

static rd_kafka_resp_err_t ask_offset(rd_kafka_t *client, const char *topic, int32_t partition,
                                      int64_t which, int64_t *offset, int timeout_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = which;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = list->elems[0].err;
    *offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && *offset < 0 ? RD_KAFKA_RESP_ERR__BAD_MSG : code;
}

rd_kafka_resp_err_t weir_kafka_ends(rd_kafka_t *client, const char *topic, int32_t partition,
                                    int64_t *low, int64_t *high, int timeout_ms)
{
    int64_t deadline_us = weir_clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    rd_kafka_resp_err_t code =
        ask_offset(client, topic, partition, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms);
    int64_t left_ms = (deadline_us - weir_clock_monotonic_us()) / 1000;
    return code ? code
                : ask_offset(client, topic, partition, RD_KAFKA_OFFSET_END, high,
                             left_ms > 0 ? (int)left_ms : 1);
}

bool weir_kafka_check(const weir_config *config, weir_error *error)
{
    rd_kafka_conf_t *conf = weir_kafka_conf(config, NULL, error);
    if (conf)
        rd_kafka_conf_destroy(conf);
    return conf != NULL;
}
