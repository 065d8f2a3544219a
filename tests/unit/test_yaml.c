/* YAML: what is refused, word by word with its place; what is fine. */
#include "tests/unit/config_fixture.h"

static void test_unknown_keys(void **state)
{
    (void)state;
    expect_error("store:\n"
                 "kafka:\n"
                 "    broker: x\n",
                 NULL, "weir.yaml:3:5: unknown key 'broker' in 'kafka'; did you mean 'brokers'?");
    expect_error("kafka: { zebra: 1 }\n", NULL, "weir.yaml:1:10: unknown key 'zebra' in 'kafka'");
    expect_error("kafak: {}\n", NULL,
                 "weir.yaml:1:1: unknown section 'kafak'; did you mean 'kafka'?");
    expect_error("subscriptions:\n  u:\n    batch_m: 1\n", NULL,
                 "weir.yaml:3:5: unknown key 'batch_m' in 'u'; did you mean 'batch_ms'?");
}

static void test_wrong_types(void **state)
{
    (void)state;
    expect_error("kafka: 5\n", NULL, "weir.yaml:1:8: kafka must be a mapping, not a value");
    expect_error("- a\n", NULL, "weir.yaml:1:1: the configuration must be a mapping, not a list");
    expect_error("kafka:\n  brokers: [a, b]\n", NULL,
                 "weir.yaml:2:12: kafka.brokers must be a value, not a list");
    expect_error("kafka:\n  partitions: {}\n", NULL,
                 "weir.yaml:2:15: kafka.partitions must be a value, not a mapping");
    expect_error("projections:\n  files: a.sql\n", NULL,
                 "weir.yaml:2:10: projections.files must be a list, not a value");
    expect_error("projections:\n  files:\n    - [a]\n", NULL,
                 "weir.yaml:3:7: projections.files must be a value, not a list");
    expect_error("kafka:\n  properties: [a]\n", NULL,
                 "weir.yaml:2:15: kafka.properties must be a mapping, not a list");
    expect_error("kafka: { ? [a] : b }\n", NULL,
                 "weir.yaml:1:12: a key must be a value, not a list");
    expect_error("subscriptions: { u: 5 }\n", NULL,
                 "weir.yaml:1:21: u must be a mapping, not a value");
}

static void test_wrong_values(void **state)
{
    (void)state;
    expect_error("kafka:\n  partitions: six\n", NULL,
                 "weir.yaml:2:15: kafka.partitions must be a whole number, not 'six'");
    expect_error("relay:\n  batch_events: 100001\n", NULL,
                 "weir.yaml:2:17: relay.batch_events must be from 1 to 100000 events, not 100001");
    expect_error("subscriptions:\n  u: { batch_ms: -1 }\n", NULL,
                 "weir.yaml:2:18: subscriptions.*.batch_ms must be from 0 to 10000 ms, not -1");
    expect_error("log: { format: xml }\n", NULL,
                 "weir.yaml:1:16: log.format must be one of logfmt|json, not 'xml'");
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    expect_error("kafka:\n  brokers: a\n  brokers: b\n", NULL,
                 "weir.yaml:3:3: key 'brokers' stands here twice");
    expect_error("kafka: {}\nstore: {}\nkafka: {}\n", NULL,
                 "weir.yaml:3:1: key 'kafka' stands here twice");
    expect_error("kafka: { properties: { a: 1, 'a': 2 } }\n", NULL,
                 "weir.yaml:1:30: key 'a' stands here twice");
}

static void test_broken_files(void **state)
{
    (void)state;
    expect_error("kafka: {brokers: a\n", NULL,
                 "weir.yaml:2:1: did not find expected ',' or '}' while parsing a flow mapping");
    expect_error("kafka:\n\tbrokers: a\n", NULL,
                 "weir.yaml:2:1: found character that cannot start any token while scanning for "
                 "the next token");
    expect_error("a: *b\n", NULL, "weir.yaml:1:4: found undefined alias");
    expect_error("kafka:\n  brokers: \"\xff\"\n", NULL,
                 "weir.yaml: invalid leading UTF-8 octet at byte 19");
    expect_error("log: {}\n---\nlog: {}\n", NULL,
                 "weir.yaml:3:1: a second document; there must be one");
    expect_error("kafka: { \"brokers\\0x\": a }\n", NULL,
                 "weir.yaml:1:10: a key contains a NUL character");
    expect_error("kafka: { brokers: \"a\\0b\" }\n", NULL,
                 "weir.yaml:1:19: kafka.brokers contains a NUL character");
}

static void test_empty_is_fine(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "---\n...\n",
        "~\n",
        "{}\n",
        "kafka:\n",
        "kafka: {}\n",
        "kafka: ~\n",
        "kafka:\n  brokers:\n  properties:\nprojections:\n  files:\n",
        "\xef\xbb\xbflog: {}\n",
        "subscriptions:\n",
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        weir_config *config = must_load(fine[i], NULL);
        assert_string_equal(weir_config_text(config, "kafka.brokers"), "localhost:9092");
        assert_int_equal(weir_config_count(config, "kafka.properties"), 0);
        weir_config_free(config);
    }
    weir_config *config = must_load("store: { conninfo: \"\" }\nrelay: { name: 'null' }\n", NULL);
    assert_string_equal(weir_config_source(config, "store.conninfo"), "weir.yaml:1");
    assert_string_equal(weir_config_text(config, "relay.name"), "null");
    weir_config_free(config);
}

static void test_anchors(void **state)
{
    (void)state;
    weir_config *config = must_load("subscriptions:\n"
                                    "  a: &fast { batch_ms: 3 }\n"
                                    "  b: *fast\n",
                                    NULL);
    assert_int_equal(weir_config_subscription_integer(config, "b", "batch_ms"), 3);
    weir_config_free(config);
}

/* A comment brings the file to a size: 1 MiB is taken, a byte more is not. */
static void test_largest_file(void **state)
{
    (void)state;
    weir_error error;
    size_t most = (size_t)1 << 20;
    char *text = weir_malloc(most + 1);
    memset(text, '#', most + 1);
    write_bytes("weir.yaml", text, most);
    weir_config *config = weir_config_load(NULL, NULL, 0, &error);
    assert_non_null(config);
    weir_config_free(config);
    write_bytes("weir.yaml", text, most + 1);
    assert_null(weir_config_load(NULL, NULL, 0, &error));
    assert_string_equal(error.message, "weir.yaml is larger than 1 MiB");
    free(text);
}

/* Every prefix and every single wrong byte of a good file loads or is refused with its name. */
static void test_damaged_files(void **state)
{
    (void)state;
    const char *good = "store: { conninfo: \"host=a ${HOME}\" }\nkafka:\n  brokers: 'a:1'\n"
                       "  properties: { a.b: c }\nprojections: { files: [x, y] }\n"
                       "subscriptions: { u: { batch_ms: 5 } }\n";
    static const char damage[] = {'\0', '\n', '\t', '{', ']', '&',
                                  '*',  '\'', '"',  '$', ':', '\xff'};
    size_t length = strlen(good);
    for (size_t i = 0; i < length; i++) {
        for (size_t d = 0; d <= sizeof damage; d++) {
            char text[400];
            weir_error error;
            memcpy(text, good, length);
            text[i] = d < sizeof damage ? damage[d] : text[i];
            write_bytes("weir.yaml", text, d < sizeof damage ? length : i);
            weir_config *config = weir_config_load(NULL, NULL, 0, &error);
            if (!config && strncmp(error.message, "weir.yaml", 9) != 0)
                fail_msg("at %zu: %s", i, error.message);
            weir_config_free(config);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_keys),  cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_wrong_values),  cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_broken_files),  cmocka_unit_test(test_empty_is_fine),
        cmocka_unit_test(test_anchors),       cmocka_unit_test(test_largest_file),
        cmocka_unit_test(test_damaged_files),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
