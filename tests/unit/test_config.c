/* Config: where values come from, which source wins, how they are asked for. */
#include "tests/unit/config_fixture.h"

static void test_defaults_without_a_file(void **state)
{
    (void)state;
    weir_error error;
    unlink("weir.yaml");
    weir_config *config = weir_config_load(NULL, NULL, 0, &error);
    assert_non_null(config);
    assert_string_equal(weir_config_text(config, "kafka.brokers"), "localhost:9092");
    assert_string_equal(weir_config_text(config, "store.conninfo"), "");
    assert_int_equal(weir_config_integer(config, "kafka.partitions"), 6);
    assert_int_equal(weir_config_count(config, "kafka.properties"), 0);
    assert_string_equal(weir_config_source(config, "kafka.brokers"), "default");
    assert_string_equal(weir_config_directory(config), ".");
    weir_config_free(config);
    weir_config_free(NULL);
}

static void test_values_of_every_type(void **state)
{
    (void)state;
    weir_config *config = must_load("kafka:\n"
                                    "  brokers: a:1,b:2\n"
                                    "  partitions: \"12\"\n"
                                    "  properties: { security.protocol: SSL, retries: 5 }\n"
                                    "projections:\n"
                                    "  files: [\"a/*.sql\", b.sql]\n"
                                    "log: { level: debug }\n",
                                    NULL);
    assert_string_equal(weir_config_text(config, "kafka.brokers"), "a:1,b:2");
    assert_int_equal(weir_config_integer(config, "kafka.partitions"), 12);
    assert_int_equal(weir_config_count(config, "kafka.properties"), 2);
    assert_string_equal(weir_config_item_key(config, "kafka.properties", 1), "retries");
    assert_string_equal(weir_config_item(config, "kafka.properties", 1), "5");
    assert_int_equal(weir_config_count(config, "projections.files"), 2);
    assert_string_equal(weir_config_item(config, "projections.files", 0), "a/*.sql");
    assert_string_equal(weir_config_text(config, "log.level"), "debug");
    assert_string_equal(weir_config_source(config, "log.level"), "weir.yaml:7");
    weir_config_free(config);
}

static void test_the_stronger_source_wins(void **state)
{
    (void)state;
    const char *yaml = "relay: { batch_events: 1, cursor_ms: 11, poll_max_ms: 21 }\n";
    setenv("WEIR_RELAY_CURSOR_MS", "12", 1);
    setenv("WEIR_RELAY_POLL_MAX_MS", "22", 1);
    weir_config *config = must_load(yaml, "relay.poll_max_ms=23");
    unsetenv("WEIR_RELAY_CURSOR_MS");
    unsetenv("WEIR_RELAY_POLL_MAX_MS");
    assert_int_equal(weir_config_integer(config, "relay.batch_events"), 1);
    assert_int_equal(weir_config_integer(config, "relay.cursor_ms"), 12);
    assert_int_equal(weir_config_integer(config, "relay.poll_max_ms"), 23);
    assert_string_equal(weir_config_source(config, "relay.batch_events"), "weir.yaml:1");
    assert_string_equal(weir_config_source(config, "relay.cursor_ms"), "WEIR_RELAY_CURSOR_MS");
    assert_string_equal(weir_config_source(config, "relay.poll_max_ms"), "--set");
    weir_config_free(config);
}

static int64_t batch_ms(const weir_config *config, const char *subscription)
{
    return weir_config_subscription_integer(config, subscription, "batch_ms");
}

static void test_subscriptions(void **state)
{
    (void)state;
    const char *yaml = "subscriptions:\n"
                       "  user_list: { batch_ms: 5 }\n"
                       "  a-b.c: { batch_ms: 6 }\n"
                       "  empty:\n";
    weir_config *config = must_load(yaml, NULL);
    assert_int_equal(batch_ms(config, "user_list"), 5);
    assert_int_equal(batch_ms(config, "a-b.c"), 6);
    assert_int_equal(batch_ms(config, "other"), 20);
    assert_int_equal(weir_config_subscription_integer(config, "user_list", "batch_events"), 1000);
    assert_int_equal(weir_config_subscriptions(config), 3);
    assert_string_equal(weir_config_subscription_name(config, 0), "user_list");
    assert_string_equal(weir_config_subscription_name(config, 2), "empty");
    assert_null(weir_config_subscription_name(config, 3));
    weir_config_free(config);
}

/* Every pair of sources for one subscription's setting, from the weakest to the strongest. */
static void test_subscription_sources(void **state)
{
    (void)state;
    const char *yaml = "subscriptions: { a-b.c: { batch_ms: 6 } }\n";
    setenv("WEIR_SUBSCRIPTIONS_A_B_C_BATCH_MS", "7", 1);
    setenv("WEIR_SUBSCRIPTIONS_ONLY_HERE_BATCH_MS", "8", 1);
    weir_config *config = must_load(yaml, NULL);
    assert_int_equal(batch_ms(config, "a-b.c"), 7);
    assert_int_equal(batch_ms(config, "only_here"), 8);
    assert_int_equal(batch_ms(config, "only_her"), 20);
    assert_int_equal(batch_ms(config, "only_here_too"), 20);
    weir_config_free(config);
    config = must_load(yaml, "subscriptions.a-b.c.batch_ms=9");
    assert_int_equal(batch_ms(config, "a-b.c"), 9);
    assert_int_equal(batch_ms(config, "only_here"), 8);
    weir_config_free(config);
    unsetenv("WEIR_SUBSCRIPTIONS_A_B_C_BATCH_MS");
    unsetenv("WEIR_SUBSCRIPTIONS_ONLY_HERE_BATCH_MS");
    config = must_load(yaml, "subscriptions.fresh.batch_ms=4");
    assert_int_equal(batch_ms(config, "fresh"), 4);
    assert_int_equal(batch_ms(config, "a-b.c"), 6);
    weir_config_free(config);
}

static void test_topics(void **state)
{
    (void)state;
    const char *key;
    setenv("WEIR_TOPICS_A_B_PARTITIONS", "7", 1);
    weir_config *config = must_load("topics:\n"
                                    "  order: { name: x.y, properties: { retention.ms: 5 } }\n"
                                    "  a-b: { partitions: 3, replication: 2 }\n"
                                    "subscriptions: { order: { batch_ms: 4 } }\n",
                                    "topics.order.partitions=9");
    unsetenv("WEIR_TOPICS_A_B_PARTITIONS");
    assert_string_equal(weir_config_topic_text(config, "order", "name"), "x.y");
    assert_null(weir_config_topic_text(config, "a-b", "name"));
    assert_int_equal(weir_config_topic_integer(config, "order", "partitions", 1), 9);
    assert_int_equal(weir_config_topic_integer(config, "a-b", "partitions", 1), 7);
    assert_int_equal(weir_config_topic_integer(config, "a-b", "replication", 1), 2);
    assert_int_equal(weir_config_topic_integer(config, "other", "partitions", 1), 1);
    assert_int_equal(weir_config_topic_properties(config, "a-b"), 0);
    assert_int_equal(weir_config_topic_properties(config, "order"), 1);
    assert_string_equal(weir_config_topic_property(config, "order", 0, &key), "5");
    assert_string_equal(key, "retention.ms");
    assert_string_equal(weir_config_topic_type(config, 1), "a-b");
    assert_null(weir_config_topic_type(config, 2));
    assert_int_equal(weir_config_subscriptions(config), 1);
    assert_int_equal(batch_ms(config, "order"), 4);
    weir_config_free(config);
    expect_error("topics: { a: { name: 'x y' } }\n", NULL,
                 "topics.a.name may have letters, digits, '.', '_', '-', {prefix} and "
                 "{aggregate_type}, not 'x y'");
    expect_error("topics: { a: { name: x }, b: { name: x } }\n", NULL,
                 "topics.a.name and topics.b.name are both 'x': each aggregate type needs a topic "
                 "of its own");
    expect_error("topics: { a: { partition: 3 } }\n", NULL,
                 "weir.yaml:1:16: unknown key 'partition' in 'a'; did you mean 'partitions'?");
}

static void test_bad_overrides(void **state)
{
    (void)state;
    expect_error("", "kafka.brokers", "--set takes section.key=value, not 'kafka.brokers'");
    expect_error("", "kafka.broker=x",
                 "--set: unknown setting 'kafka.broker'; did you mean 'kafka.brokers'?");
    expect_error("", "=x", "--set: unknown setting ''");
    expect_error("", "subscriptions.batch_ms=1",
                 "--set: unknown setting 'subscriptions.batch_ms'; did you mean "
                 "'subscriptions.*.batch_ms'?");
    expect_error("", "kafka.properties=x",
                 "--set: kafka.properties is a mapping: it can only be set in the file");
    expect_error("", "kafka.partitions=0",
                 "--set: kafka.partitions must be from 1 to 10000, not 0");
}

static void test_which_file(void **state)
{
    (void)state;
    weir_error error;
    write_config("log: { level: warn }\n");
    write_bytes("other.yaml", "log: { level: error }\n", 22);
    setenv("WEIR_CONFIG", "", 1);
    weir_config *config = weir_config_load(NULL, NULL, 0, &error);
    assert_string_equal(weir_config_text(config, "log.level"), "warn");
    weir_config_free(config);
    setenv("WEIR_CONFIG", "other.yaml", 1);
    config = weir_config_load(NULL, NULL, 0, &error);
    assert_string_equal(weir_config_text(config, "log.level"), "error");
    weir_config_free(config);
    config = weir_config_load("./weir.yaml", NULL, 0, &error);
    assert_string_equal(weir_config_source(config, "log.level"), "./weir.yaml:1");
    weir_config_free(config);
    unsetenv("WEIR_CONFIG");
    unlink("other.yaml");
    assert_null(weir_config_load("missing.yaml", NULL, 0, &error));
    assert_string_equal(error.message, "cannot read missing.yaml: No such file or directory");
    assert_null(weir_config_load(".", NULL, 0, &error));
    assert_string_equal(error.message, "cannot read .: Is a directory");
}

static void test_paths_are_relative_to_the_file(void **state)
{
    (void)state;
    weir_error error;
    char path[64];
    write_config("");
    snprintf(path, sizeof path, "%s/weir.yaml", fixture_folder);
    weir_config *config = weir_config_load(path, NULL, 0, &error);
    assert_string_equal(weir_config_directory(config), fixture_folder);
    weir_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_without_a_file),
        cmocka_unit_test(test_values_of_every_type),
        cmocka_unit_test(test_the_stronger_source_wins),
        cmocka_unit_test(test_subscriptions),
        cmocka_unit_test(test_subscription_sources),
        cmocka_unit_test(test_topics),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_which_file),
        cmocka_unit_test(test_paths_are_relative_to_the_file),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
