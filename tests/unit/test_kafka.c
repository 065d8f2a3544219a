/* Kafka configuration: ours wins, contradictions are refused by effect, fates of errors. */
#include "config/kafka.h"
#include "tests/unit/config_fixture.h"

static const char *const ours[] = {"message.timeout.ms", "0", "enable.idempotence", "true", NULL};

static void read_property(const rd_kafka_conf_t *conf, const char *name, char value[256])
{
    size_t size = 256;
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
}

static void expect_property(const rd_kafka_conf_t *conf, const char *name, const char *wanted)
{
    char value[256];
    read_property(conf, name, value);
    assert_string_equal(value, wanted);
}

static void test_what_every_client_has(void **state)
{
    (void)state;
    weir_error error;
    weir_config *config = must_load("kafka:\n"
                                    "  brokers: a:1\n"
                                    "  properties: { socket.timeout.ms: 5000 }\n",
                                    NULL);
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, &error);
    assert_non_null(conf);
    expect_property(conf, "bootstrap.servers", "a:1");
    expect_property(conf, "client.id", "weir");
    expect_property(conf, "log.connection.close", "false");
    expect_property(conf, "socket.timeout.ms", "5000");
    expect_property(conf, "message.timeout.ms", "0");
    expect_property(conf, "enable.idempotence", "true");
    rd_kafka_conf_destroy(conf);
    assert_true(weir_kafka_check(config, &error));
    weir_config_free(config);
}

static void refuse(const char *properties, const char *message)
{
    char yaml[400];
    weir_error error;
    snprintf(yaml, sizeof yaml, "kafka:\n  properties: { %s }\n", properties);
    weir_config *config = must_load(yaml, NULL);
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, &error);
    if (conf)
        fail_msg("taken: %s", properties);
    assert_string_equal(error.message, message);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    weir_config_free(config);
}

static void test_contradictions(void **state)
{
    (void)state;
    refuse("message.timeout.ms: 5000",
           "weir.yaml:2: kafka.properties sets message.timeout.ms to '5000', but weir needs "
           "message.timeout.ms to be '0'");
    refuse("delivery.timeout.ms: 5000",
           "weir.yaml:2: kafka.properties sets delivery.timeout.ms to '5000', but weir needs "
           "message.timeout.ms to be '0'");
    refuse("enable.idempotence: false",
           "weir.yaml:2: kafka.properties sets enable.idempotence to 'false', but weir needs "
           "enable.idempotence to be 'true'");
    refuse("metadata.broker.list: 'b:1'",
           "weir.yaml:2: kafka.properties sets metadata.broker.list to 'b:1', but kafka.brokers "
           "needs bootstrap.servers to be 'localhost:9092'");
}

static void test_agreement_is_fine(void **state)
{
    (void)state;
    weir_error error;
    weir_config *config =
        must_load("kafka: { properties: { enable.idempotence: t, delivery.timeout.ms: 0, "
                  "bootstrap.servers: 'localhost:9092', client.id: mine } }\n",
                  NULL);
    rd_kafka_conf_t *conf = weir_kafka_conf(config, ours, &error);
    if (!conf)
        fail_msg("%s", error.message);
    expect_property(conf, "client.id", "mine");
    rd_kafka_conf_destroy(conf);
    weir_config_free(config);
}

static void test_unknown_and_bad_properties(void **state)
{
    (void)state;
    weir_error error;
    refuse("secuirty.protocol: SSL",
           "weir.yaml:2: unknown property 'secuirty.protocol' in kafka.properties; did you mean "
           "'security.protocol'?");
    refuse("zebra: 1", "weir.yaml:2: unknown property 'zebra' in kafka.properties");
    weir_config *config = must_load("kafka: { properties: { socket.timeout.ms: x } }\n", NULL);
    assert_false(weir_kafka_check(config, &error));
    assert_non_null(strstr(error.message, "weir.yaml:1: kafka.properties socket.timeout.ms: "));
    weir_config_free(config);
}

static void test_fates(void **state)
{
    (void)state;
    static const struct {
        rd_kafka_resp_err_t code;
        weir_fate fate;
    } cases[] = {
        {RD_KAFKA_RESP_ERR__TRANSPORT, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR__TIMED_OUT, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, WEIR_FATE_RETRY},
        {RD_KAFKA_RESP_ERR_INVALID_MSG, WEIR_FATE_RETRY}, /* a checksum that went wrong */
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR__AUTHENTICATION, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR__FENCED, WEIR_FATE_FATAL},
        {RD_KAFKA_RESP_ERR__FATAL, WEIR_FATE_FATAL},
        {RD_KAFKA_RESP_ERR_PRODUCER_FENCED, WEIR_FATE_FATAL},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, WEIR_FATE_POISON},
        {RD_KAFKA_RESP_ERR_INVALID_RECORD, WEIR_FATE_POISON},
        {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, WEIR_FATE_POISON},
        {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, WEIR_FATE_POISON},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, WEIR_FATE_POISON},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_INVALID_REQUEST, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, WEIR_FATE_CONFIG},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, WEIR_FATE_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_error error;
        assert_false(weir_kafka_fail(&error, cases[i].code, "topic %s", "a"));
        if (error.fate != cases[i].fate)
            fail_msg("%s is %s", rd_kafka_err2name(cases[i].code), weir_fate_name(error.fate));
        assert_int_equal(error.kafka_code, cases[i].code);
        assert_memory_equal(error.message, "topic a: ", 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_every_client_has),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_agreement_is_fine),
        cmocka_unit_test(test_unknown_and_bad_properties),
        cmocka_unit_test(test_fates),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
