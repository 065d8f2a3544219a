/* Walking JSON by slices: exact text, members and elements, names however they are escaped; and
 * text that is not JSON, which must end every walk inside itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_walk.h"

static void expect_slice(weir_slice slice, const char *text)
{
    assert_int_equal(slice.length, strlen(text));
    assert_memory_equal(slice.text, text, slice.length);
}

static void test_members_keep_their_text(void **state)
{
    (void)state;
    static const char text[] = " {\"a\" : 1.10,\"b]\":[1, {\"x\":\"]}\"}] , \"c\\\"\":\"\\u00e4\"}";
    weir_json_walk walk;
    weir_slice key, value;
    assert_true(weir_json_object(&walk, text, strlen(text)));
    assert_true(weir_json_next(&walk, &key, &value));
    expect_slice(key, "\"a\"");
    expect_slice(value, "1.10");
    assert_true(weir_json_next(&walk, &key, &value));
    expect_slice(value, "[1, {\"x\":\"]}\"}]");
    assert_true(weir_json_next(&walk, &key, &value));
    assert_true(weir_json_is(key, "c\""));
    expect_slice(value, "\"\\u00e4\"");
    assert_false(weir_json_next(&walk, &key, &value));
    assert_false(weir_json_array(&walk, text, strlen(text)));
}

static void test_elements_keep_their_text(void **state)
{
    (void)state;
    static const char text[] = "[ 1e400,\"a,b\" , {} ,[]]";
    static const char *const expected[] = {"1e400", "\"a,b\"", "{}", "[]"};
    weir_json_walk walk;
    weir_slice value;
    assert_true(weir_json_array(&walk, text, strlen(text)));
    for (size_t i = 0; i < 4; i++) {
        assert_true(weir_json_element(&walk, &value));
        expect_slice(value, expected[i]);
    }
    assert_false(weir_json_element(&walk, &value));
    assert_false(weir_json_object(&walk, text, strlen(text)));
}

/* A text with a backslash is not the JSON that looks like it. */
static void test_names_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(weir_json_is((weir_slice){"\"a\"", 3}, "a"));
    assert_true(weir_json_is((weir_slice){"\"\\u0061\"", 8}, "a"));
    assert_true(weir_json_is((weir_slice){"\"a\\\\b\"", 6}, "a\\b"));
    assert_false(weir_json_is((weir_slice){"\"a\\b\"", 5}, "a\\b"));
    assert_false(weir_json_is((weir_slice){"\"ab\"", 4}, "a"));
}

/* Every prefix of a document, copied so that a byte beyond it is not ours to read. */
static void test_broken_text_ends_every_walk(void **state)
{
    (void)state;
    static const char whole[] = "{\"a\\\"\":[1,{\"b\":\"\\u00e4\"}],\"c\":true}";
    for (size_t length = 0; length < strlen(whole); length++) {
        char *text = malloc(length ? length : 1);
        memcpy(text, whole, length);
        weir_json_walk walk;
        weir_slice key = {0}, value = {0};
        size_t members = 0;
        bool object = weir_json_object(&walk, text, length);
        assert_int_equal(object, length > 0);
        while (object && weir_json_next(&walk, &key, &value)) {
            assert_true(key.text >= text && key.text + key.length <= text + length);
            assert_true(value.text >= text && value.text + value.length <= text + length);
            assert_true(++members <= 2);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_keep_their_text),
        cmocka_unit_test(test_elements_keep_their_text),
        cmocka_unit_test(test_names_are_compared_decoded),
        cmocka_unit_test(test_broken_text_ends_every_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
