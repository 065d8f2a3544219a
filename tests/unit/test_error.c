/* Errors: fates and codes, messages cut at a character, prefixes, aliasing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static void test_code_follows_from_fate(void **state)
{
    (void)state;
    weir_error error = {.sqlstate = "40001", .kafka_code = 7};
    assert_false(weir_fail(&error, WEIR_FATE_CONFIG, "bad %s", "key"));
    assert_int_equal(error.code, WEIR_INVALID);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_string_equal(error.message, "bad key");
    assert_string_equal(error.sqlstate, "");
    assert_int_equal(error.kafka_code, 0);
    weir_fail(&error, WEIR_FATE_CONFLICT, "x");
    assert_int_equal(error.code, WEIR_CONFLICT);
    weir_fail(&error, WEIR_FATE_RETRY, "x");
    assert_int_equal(error.code, WEIR_FAILED);
    weir_fail_code(&error, WEIR_FATE_RETRY, WEIR_TIMEOUT, "x");
    assert_int_equal(error.code, WEIR_TIMEOUT);
    weir_error_clear(&error);
    assert_int_equal(error.fate, WEIR_FATE_NONE);
    assert_int_equal(error.code, WEIR_OK);
    assert_string_equal(error.message, "");
}

static void test_message_may_be_its_own_argument(void **state)
{
    (void)state;
    weir_error error;
    weir_fail(&error, WEIR_FATE_POISON, "inner");
    weir_fail(&error, error.fate, "outer (%s)", error.message);
    assert_string_equal(error.message, "outer (inner)");
}

static void test_prefix_keeps_the_fate(void **state)
{
    (void)state;
    weir_error error;
    weir_fail_code(&error, WEIR_FATE_RETRY, WEIR_TIMEOUT, "no answer");
    assert_false(weir_error_prefix(&error, "topic %d", 5));
    assert_string_equal(error.message, "topic 5: no answer");
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_int_equal(error.code, WEIR_TIMEOUT);
}

/* However the cut falls, what remains is whole characters and "…". */
static void test_long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    weir_error error;
    char text[4096];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x82\xac", 4); /* € */
        weir_fail(&error, WEIR_FATE_POISON, "%s", text);
        size_t length = strlen(error.message);
        assert_true(length < sizeof(error.message) && length > sizeof(error.message) - 6);
        assert_string_equal(error.message + length - 3, "\xe2\x80\xa6");
        assert_int_equal((length - shift) % 3, 0);
        weir_error_prefix(&error, "%s", text);
        assert_true(strlen(error.message) < sizeof(error.message));
        assert_int_equal((strlen(error.message) - shift) % 3, 0);
    }
}

static void test_message_of_exactly_the_size_is_kept(void **state)
{
    (void)state;
    weir_error error;
    char text[sizeof(error.message)];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    weir_fail(&error, WEIR_FATE_POISON, "%s", text);
    assert_string_equal(error.message, text);
}

static void test_fate_names(void **state)
{
    (void)state;
    assert_string_equal(weir_fate_name(WEIR_FATE_NONE), "none");
    assert_string_equal(weir_fate_name(WEIR_FATE_RETRY), "retry");
    assert_string_equal(weir_fate_name(WEIR_FATE_FATAL), "fatal");
    assert_string_equal(weir_fate_name((weir_fate)99), "unknown");
}

static void test_copies(void **state)
{
    (void)state;
    char *part = weir_strndup("abcdef", 3);
    char *whole = weir_strndup("ab", 10);
    char *made = weir_format("%s-%d", part, 4);
    assert_string_equal(part, "abc");
    assert_string_equal(whole, "ab");
    assert_string_equal(made, "abc-4");
    free(part);
    free(whole);
    free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_follows_from_fate),
        cmocka_unit_test(test_message_may_be_its_own_argument),
        cmocka_unit_test(test_prefix_keeps_the_fate),
        cmocka_unit_test(test_long_messages_are_cut_between_characters),
        cmocka_unit_test(test_message_of_exactly_the_size_is_kept),
        cmocka_unit_test(test_fate_names),
        cmocka_unit_test(test_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
