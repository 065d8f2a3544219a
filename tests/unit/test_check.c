/* Checks across settings: forms of names, topic formats, addresses. */
#include "tests/unit/config_fixture.h"

typedef struct sample {
    const char *setting;
    const char *text;
} sample;

static bool takes(const sample *s, weir_error *error)
{
    char override[300];
    const char *overrides[] = {override};
    snprintf(override, sizeof override, "%s=%s", s->setting, s->text);
    weir_config *config = weir_config_load(NULL, overrides, 1, error);
    weir_config_free(config);
    return config != NULL;
}

#define FORTY "abcdefghijabcdefghijabcdefghijabcdefghij"
#define HUNDRED FORTY FORTY "abcdefghijabcdefghij"

static void test_taken(void **state)
{
    (void)state;
    static const sample good[] = {
        {"store.schema", "weir"},        {"store.schema", "_a0"},
        {"store.schema", FORTY},         {"kafka.topic_prefix", "a.B_c-1"},
        {"kafka.topic_prefix", HUNDRED}, {"kafka.topic_format", "{aggregate_type}"},
        {"admin.listen", "0.0.0.0:0"},   {"kafka.topic_format", "x-{aggregate_type}.{prefix}"},
        {"admin.listen", "[::1]:8780"},  {"admin.listen", "localhost:65535"},
        {"store.conninfo", ""},
    };
    weir_error error;
    write_config("");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!takes(&good[i], &error))
            fail_msg("%s", error.message);
}

static void test_refused(void **state)
{
    (void)state;
    static const sample bad[] = {
        {"store.schema", ""},
        {"store.schema", "Weir"},
        {"store.schema", "0weir"},
        {"store.schema", "we-ir"},
        {"store.schema", "pg_weir"},
        {"store.schema", FORTY "x"},
        {"kafka.topic_prefix", ""},
        {"kafka.topic_prefix", "a b"},
        {"kafka.topic_prefix", "a/b"},
        {"kafka.topic_prefix", HUNDRED "x"},
        {"kafka.topic_format", ""},
        {"kafka.topic_format", "{prefix}"},
        {"kafka.topic_format", "{prefix}/{aggregate_type}"},
        {"kafka.topic_format", "{aggregate_type}{id}"},
        {"kafka.topic_format", "{aggregate_type}{"},
        {"kafka.brokers", ""},
        {"relay.name", ""},
        {"admin.listen", ""},
        {"admin.listen", "8780"},
        {"admin.listen", ":8780"},
        {"admin.listen", "localhost:"},
        {"admin.listen", "localhost:http"},
        {"admin.listen", "localhost:+80"},
        {"admin.listen", "localhost: 80"},
        {"admin.listen", "localhost:65536"},
        {"admin.listen", "localhost:4294967376"},
    };
    weir_error error;
    write_config("");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (takes(&bad[i], &error))
            fail_msg("%s=%s was taken", bad[i].setting, bad[i].text);
        assert_non_null(strstr(error.message, bad[i].setting));
    }
}

static void test_errors_name_the_place(void **state)
{
    (void)state;
    expect_error("kafka:\n  topic_format: all\n", NULL,
                 "weir.yaml:2: kafka.topic_format must contain {aggregate_type}, not 'all'");
    expect_error("", "admin.listen=x", "--set: admin.listen must be host:port, not 'x'");
    expect_error("store: { schema: A }\n", NULL,
                 "weir.yaml:1: store.schema must have 1 to 40 of a-z, 0-9 and _, beginning with "
                 "neither a digit nor pg_, not 'A'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_errors_name_the_place),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
