/* Buffer: bounds, overflow that sticks, JSON strings, big-endian integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

static void test_appends_and_terminates(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(1000);
    assert_null(buffer.data);
    weir_buffer_append(&buffer, "", 0);
    assert_string_equal(buffer.data, "");
    weir_buffer_text(&buffer, "abc");
    weir_buffer_char(&buffer, '-');
    weir_buffer_format(&buffer, "%d/%s", 12, "x");
    assert_string_equal(buffer.data, "abc-12/x");
    assert_int_equal(buffer.length, 8);
    assert_false(buffer.overflow);
    weir_buffer_free(&buffer);
}

static void test_limit_is_exact(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(5);
    weir_buffer_text(&buffer, "12345");
    assert_false(buffer.overflow);
    assert_string_equal(buffer.data, "12345");
    weir_buffer_char(&buffer, '6');
    assert_true(buffer.overflow);
    assert_string_equal(buffer.data, "12345");
    weir_buffer_free(&buffer);
}

/* A hole in the middle would be worse than a short text. */
static void test_overflow_sticks_until_cleared(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(10);
    weir_buffer_text(&buffer, "12345");
    weir_buffer_format(&buffer, "%s", "too long for it");
    weir_buffer_char(&buffer, 'x');
    assert_true(buffer.overflow);
    assert_string_equal(buffer.data, "12345");
    weir_buffer_clear(&buffer);
    assert_false(buffer.overflow);
    assert_string_equal(buffer.data, "");
    weir_buffer_text(&buffer, "again");
    assert_string_equal(buffer.data, "again");
    weir_buffer_free(&buffer);
    weir_buffer_text(&buffer, "after free");
    assert_string_equal(buffer.data, "after free");
    weir_buffer_free(&buffer);
}

static void test_absurd_lengths_are_refused(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(SIZE_MAX);
    weir_buffer_char(&buffer, 'a');
    weir_buffer_append(&buffer, "b", SIZE_MAX);
    assert_true(buffer.overflow);
    assert_string_equal(buffer.data, "a");
    weir_buffer_free(&buffer);
    weir_buffer none = WEIR_BUFFER(0);
    weir_buffer_text(&none, "");
    assert_false(none.overflow);
    weir_buffer_char(&none, 'a');
    assert_true(none.overflow);
    weir_buffer_free(&none);
}

static void test_grows_by_itself(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(100000);
    for (int i = 0; i < 100000; i++)
        weir_buffer_char(&buffer, (char)('a' + i % 26));
    assert_int_equal(buffer.length, 100000);
    assert_int_equal(strlen(buffer.data), 100000);
    assert_true(buffer.capacity <= 100001);
    assert_int_equal(buffer.data[99999], 'a' + 99999 % 26);
    weir_buffer_free(&buffer);
}

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\""},
        {"a\0b", 3, "\"a\\u0000b\""},
        {"\xc3\xa4\xf0\x9f\x98\x80\xff", 7, "\"\xc3\xa4\xf0\x9f\x98\x80\xff\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        weir_buffer buffer = WEIR_BUFFER(100);
        weir_buffer_json(&buffer, cases[i].text, cases[i].length);
        assert_string_equal(buffer.data, cases[i].json);
        weir_buffer_free(&buffer);
    }
}

static void test_integers_are_big_endian(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(100);
    weir_buffer_int32(&buffer, 0x01020304);
    weir_buffer_int32(&buffer, -2);
    weir_buffer_int64(&buffer, INT64_MIN + 1);
    static const unsigned char wire[] = {1,    2, 3, 4, 0xFF, 0xFF, 0xFF, 0xFE,
                                         0x80, 0, 0, 0, 0,    0,    0,    1};
    assert_int_equal(buffer.length, sizeof(wire));
    assert_memory_equal(buffer.data, wire, sizeof(wire));
    weir_buffer_free(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends_and_terminates),
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_overflow_sticks_until_cleared),
        cmocka_unit_test(test_absurd_lengths_are_refused),
        cmocka_unit_test(test_grows_by_itself),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_integers_are_big_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
