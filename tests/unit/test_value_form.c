/* Forms of a value: as Kafka Connect writes them, and back without loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/value_form.h"

static const char json[] =
    "{\"n\": 123456789012345678901234567890, \"t\": \"a\\\"\\\\\\n\xc3\xa4\"}";

static void test_as_connect_writes_them(void **state)
{
    (void)state;
    weir_buffer buffer = WEIR_BUFFER(1 << 16);
    weir_value_wrap(WEIR_VALUE_PAYLOAD, "{\"a\": 1}", 8, &buffer);
    assert_string_equal(buffer.data, "{\"a\": 1}");
    weir_value_wrap(WEIR_VALUE_STRING, "{\"a\": 1}", 8, &buffer);
    assert_string_equal(buffer.data, "\"{\\\"a\\\": 1}\"");
    weir_value_wrap(WEIR_VALUE_SCHEMA, "{\"a\": 1}", 8, &buffer);
    assert_string_equal(buffer.data, "{\"schema\":{\"type\":\"string\",\"optional\":true,"
                                     "\"name\":\"io.debezium.data.Json\",\"version\":1},"
                                     "\"payload\":\"{\\\"a\\\": 1}\"}");
    weir_buffer_free(&buffer);
}

static void test_nothing_is_lost(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer wrapped = WEIR_BUFFER(1 << 16), back = WEIR_BUFFER(1 << 16);
    for (weir_value_form form = WEIR_VALUE_PAYLOAD; form < WEIR_VALUE_FORM_COUNT; form++) {
        weir_value_wrap(form, json, sizeof json - 1, &wrapped);
        assert_true(weir_value_unwrap(form, wrapped.data, wrapped.length, &back, &error));
        assert_int_equal(back.length, sizeof json - 1);
        assert_memory_equal(back.data, json, sizeof json - 1);
        assert_int_equal(weir_value_form_named(weir_value_form_name(form)), form);
    }
    assert_int_equal(weir_value_form_named("avro"), WEIR_VALUE_FORM_COUNT);
    weir_buffer_free(&wrapped);
    weir_buffer_free(&back);
}

static void test_what_is_not_of_that_form(void **state)
{
    (void)state;
    weir_buffer back = WEIR_BUFFER(1 << 16);
    static const struct {
        weir_value_form form;
        const char *value;
    } cases[] = {
        {WEIR_VALUE_STRING, "{\"a\": 1}"},
        {WEIR_VALUE_STRING, "\"open"},
        {WEIR_VALUE_STRING, ""},
        {WEIR_VALUE_SCHEMA, "\"{}\""},
        {WEIR_VALUE_SCHEMA, "{\"schema\":1}"},
        {WEIR_VALUE_SCHEMA, "{\"payload\":{}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_error error = {0};
        assert_false(weir_value_unwrap(cases[i].form, cases[i].value, strlen(cases[i].value), &back,
                                       &error));
        assert_int_equal(error.fate, WEIR_FATE_POISON);
    }
    weir_buffer_free(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_connect_writes_them),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_what_is_not_of_that_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
