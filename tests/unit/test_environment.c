/* Environment: every scalar setting has a variable; a misspelt one is refused. */
#include "tests/unit/config_fixture.h"
#include <ctype.h>

static void refuse(const char *variable, const char *value, const char *message)
{
    setenv(variable, value, 1);
    expect_error("", NULL, message);
    unsetenv(variable);
}

static void test_every_scalar_has_a_variable(void **state)
{
    (void)state;
    for (const weir_setting *s = weir_settings; s->name; s++) {
        if (s->type == WEIR_SETTING_LIST || s->type == WEIR_SETTING_MAP || strchr(s->name, '*'))
            continue;
        char variable[100];
        snprintf(variable, sizeof variable, "WEIR_%s", s->name);
        for (char *c = variable; *c; c++)
            *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
        setenv(variable, s->preset, 1);
        weir_config *config = must_load("", NULL);
        assert_string_equal(weir_config_source(config, s->name), variable);
        weir_config_free(config);
        unsetenv(variable);
    }
}

static void test_misspelt_variables(void **state)
{
    (void)state;
    refuse("WEIR_KAFKA_BROKER", "x",
           "the environment's WEIR_KAFKA_BROKER names no setting; did you mean "
           "WEIR_KAFKA_BROKERS?");
    refuse("WEIR_PROJECTIONS_STATEMENT_TIMEOUT_M", "1",
           "the environment's WEIR_PROJECTIONS_STATEMENT_TIMEOUT_M names no setting; did you mean "
           "WEIR_PROJECTIONS_STATEMENT_TIMEOUT_MS?");
    refuse("WEIR_SUBSCRIPTIONS_USER_LIST_BATCH_EVENT", "1",
           "the environment's WEIR_SUBSCRIPTIONS_USER_LIST_BATCH_EVENT names no setting; did you "
           "mean WEIR_SUBSCRIPTIONS_USER_LIST_BATCH_EVENTS?");
    refuse("WEIR_SUBSCRIPTIONS_BATCH_EVENTS", "1",
           "the environment's WEIR_SUBSCRIPTIONS_BATCH_EVENTS names no setting");
    refuse("WEIR_ADMIN_ZEBRA", "1", "the environment's WEIR_ADMIN_ZEBRA names no setting");
}

static void test_wrong_values(void **state)
{
    (void)state;
    refuse("WEIR_KAFKA_PARTITIONS", "0",
           "WEIR_KAFKA_PARTITIONS: kafka.partitions must be from 1 to 10000, not 0");
    refuse("WEIR_KAFKA_PARTITIONS", "",
           "WEIR_KAFKA_PARTITIONS: kafka.partitions must be a whole number, not ''");
    refuse("WEIR_PROJECTIONS_FILES", "a.sql",
           "WEIR_PROJECTIONS_FILES: projections.files is a list: it can only be set in the file");
    refuse("WEIR_SUBSCRIPTIONS_U_BATCH_MS", "x",
           "WEIR_SUBSCRIPTIONS_U_BATCH_MS: subscriptions.*.batch_ms must be a whole number, not "
           "'x'");
}

static void test_other_variables_are_left_alone(void **state)
{
    (void)state;
    static const char *const others[] = {"WEIR_TEST_CONNINFO", "WEIR_FAILPOINT",
                                         "WEIR_ELSEWHERE",     "WEIR_",
                                         "WEIRD_KAFKA_BROKER", "WEIR_KAFKAESQUE"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        setenv(others[i], "", 1);
    weir_config_free(must_load("", NULL));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        unsetenv(others[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_scalar_has_a_variable),
        cmocka_unit_test(test_misspelt_variables),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_other_variables_are_left_alone),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
