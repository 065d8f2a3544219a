/* Interpolation: variables, defaults, dollar signs, and what is refused. */
#include "config/config_int.h"
#include "tests/unit/config_fixture.h"

static void expect_text(const char *text, const char *wanted)
{
    weir_error error;
    char *result = weir_interpolate(text, "here", &error);
    if (!result)
        fail_msg("%s", error.message);
    assert_string_equal(result, wanted);
    free(result);
}

static void refuse(const char *text, const char *message)
{
    weir_error error;
    char *result = weir_interpolate(text, "here", &error);
    if (result)
        fail_msg("'%s' became '%s'", text, result);
    assert_string_equal(error.message, message);
}

static void test_replaced(void **state)
{
    (void)state;
    setenv("FIXTURE_A", "x", 1);
    setenv("FIXTURE_EMPTY", "", 1);
    setenv("FIXTURE_NESTED", "${FIXTURE_A}$$", 1);
    unsetenv("FIXTURE_NONE");
    expect_text("", "");
    expect_text("plain", "plain");
    expect_text("${FIXTURE_A}", "x");
    expect_text("a${FIXTURE_A}b${FIXTURE_A}c", "axbxc");
    expect_text("${FIXTURE_A:other}", "x");
    expect_text("${FIXTURE_NONE:other}", "other");
    expect_text("${FIXTURE_NONE:}", "");
    expect_text("${FIXTURE_NONE:a:b${c}", "a:b${c");
    expect_text("${FIXTURE_EMPTY:other}", "");
    expect_text("[${FIXTURE_EMPTY}]", "[]");
    expect_text("${FIXTURE_NESTED}", "${FIXTURE_A}$$"); /* what is put in is not read again */
}

static void test_dollar_signs(void **state)
{
    (void)state;
    expect_text("$$", "$");
    expect_text("$", "$");
    expect_text("a$b", "a$b");
    expect_text("$$${FIXTURE_A}", "$x");
    expect_text("$${FIXTURE_A}", "${FIXTURE_A}");
    expect_text("$$$", "$$");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"${", "${}", "${A", "${A-b}", "${1A}", "${ A}", "${:x}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse(bad[i], "here: '${' must begin ${VAR} or ${VAR:default}; write $$ for a plain $");
    refuse("x${FIXTURE_NONE}", "here: the environment has no FIXTURE_NONE; set it, or write "
                               "${FIXTURE_NONE:default}");
}

static void test_never_cut_short(void **state)
{
    (void)state;
    char *value = weir_malloc(100001);
    memset(value, 'v', 100000);
    value[100000] = '\0';
    setenv("FIXTURE_LONG", value, 1);
    char text[400] = "";
    for (int i = 0; i < 11; i++)
        strcat(text, "${FIXTURE_LONG}");
    refuse(text, "here: longer than 1 MiB once interpolated");
    unsetenv("FIXTURE_LONG");
    free(value);
}

static void test_place_in_the_file(void **state)
{
    (void)state;
    expect_error("kafka:\n  brokers: ${FIXTURE_NONE}\n", NULL,
                 "weir.yaml:2:12: the environment has no FIXTURE_NONE; set it, or write "
                 "${FIXTURE_NONE:default}");
    setenv("FIXTURE_A", "3", 1);
    weir_config *config = must_load("kafka: { partitions: \"${FIXTURE_A}\" }\n", NULL);
    assert_int_equal(weir_config_integer(config, "kafka.partitions"), 3);
    weir_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replaced),          cmocka_unit_test(test_dollar_signs),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_never_cut_short),
        cmocka_unit_test(test_place_in_the_file),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
