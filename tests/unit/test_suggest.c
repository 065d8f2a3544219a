/* Suggestions: the nearest wins, swaps count once, what is far is not offered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/suggest.h"

static const char *nearest(const char *word)
{
    static const char *const words[] = {"brokers",    "partitions", "replication", "topic_prefix",
                                        "properties", "name",       "level"};
    weir_suggestion near = {.word = word};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        weir_suggest_offer(&near, words[i]);
    return near.best ? near.best : "";
}

static void test_near_words(void **state)
{
    (void)state;
    assert_string_equal(nearest("broker"), "brokers");
    assert_string_equal(nearest("borkers"), "brokers");
    assert_string_equal(nearest("partition"), "partitions");
    assert_string_equal(nearest("replicaton"), "replication");
    assert_string_equal(nearest("topic_perfix"), "topic_prefix");
    assert_string_equal(nearest("prop"), "properties");
    assert_string_equal(nearest("nmae"), "name");
}

static void test_far_words(void **state)
{
    (void)state;
    assert_string_equal(nearest(""), "");
    assert_string_equal(nearest("x"), "");
    assert_string_equal(nearest("zebra"), "");
    assert_string_equal(nearest("consumer"), "");
}

static void test_long_words_are_left_alone(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_string_equal(nearest(text), "");
    weir_suggestion near = {.word = "aaa"};
    weir_suggest_offer(&near, text);
    assert_null(near.best);
}

static void test_environment_names_are_not_too_long(void **state)
{
    (void)state;
    weir_suggestion near = {.word = "WEIR_PROJECTIONS_STATEMENT_TIMEOUT_M"};
    weir_suggest_offer(&near, "WEIR_PROJECTIONS_STATEMENT_TIMEOUT_MS");
    assert_string_equal(near.best, "WEIR_PROJECTIONS_STATEMENT_TIMEOUT_MS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_words),
        cmocka_unit_test(test_far_words),
        cmocka_unit_test(test_long_words_are_left_alone),
        cmocka_unit_test(test_environment_names_are_not_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
