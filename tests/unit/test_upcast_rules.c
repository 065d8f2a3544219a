/* Upcasting rules: what each does to an event's JSON, byte for byte, and every way in which data
 * and rules do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/upcast.h"

typedef struct row {
    const char *rules; /* of one link, as YAML */
    const char *data;
    const char *result; /* NULL: refused */
    const char *why;
} row;

static weir_upcasters *parse(const char *rules)
{
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    char *file = weir_format("t: [ { from: 1, to: 2, %s } ]\n", rules);
    if (!weir_upcasters_parse(upcasters, "s.yaml", file, strlen(file), &error))
        fail_msg("%s: %s", rules, error.message);
    free(file);
    return upcasters;
}

static void expect(const row *at)
{
    weir_error error = {0};
    weir_upcasters *upcasters = parse(at->rules);
    weir_buffer scratch = WEIR_BUFFER(1 << 20);
    weir_event event = {.type = "t",
                        .aggregate_type = "a",
                        .aggregate_id = "1",
                        .schema_version = 1,
                        .data = at->data,
                        .data_length = strlen(at->data)};
    bool ok = weir_upcasters_apply(upcasters, &event, &scratch, &error);
    if (ok != (at->result != NULL))
        fail_msg("%s on %s: %s", at->rules, at->data, ok ? event.data : error.message);
    if (ok) {
        assert_string_equal(event.data, at->result);
        assert_int_equal(event.data_length, strlen(at->result));
        assert_int_equal(event.schema_version, 2);
    } else {
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        assert_int_equal(event.schema_version, 1);
        assert_ptr_equal(event.data, at->data);
        if (!strstr(error.message, at->why))
            fail_msg("%s on %s: '%s' lacks '%s'", at->rules, at->data, error.message, at->why);
    }
    weir_buffer_free(&scratch);
    weir_upcasters_free(upcasters);
}

static void expect_all(const row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        expect(&rows[i]);
}
#define EXPECT(rows) expect_all(rows, sizeof rows / sizeof *rows)

static void test_rename(void **state)
{
    (void)state;
    static const row rows[] = {
        {"rename: { mail: email }", "{\"a\": 1.10, \"mail\": \"x\", \"b\": 2}",
         "{\"a\": 1.10, \"email\": \"x\", \"b\": 2}", NULL},
        {"rename: { mail: email }", "{\"b\": 2}", "{\"b\": 2}", NULL},
        {"rename: { a.b: c }", "{\"a\": {\"x\": 1, \"b\": 2}}", "{\"a\": {\"x\": 1, \"c\": 2}}",
         NULL},
        {"rename: { a.b: c }", "{\"a\": 5}", "{\"a\": 5}", NULL},
        {"rename: { 'l[].s': t }", "{\"l\": [{\"s\": 1}, {\"u\": 2}, 7, {\"s\": 3}]}",
         "{\"l\": [{\"t\": 1}, {\"u\": 2}, 7, {\"t\": 3}]}", NULL},
        {"rename: { 'a\\.b': 'c\\.d' }", "{\"a.b\": 1}", "{\"c.d\": 1}", NULL},
        {"rename: { 'x\\.y.b': z }", "{\"x.y\": {\"b\": 1}}", "{\"x.y\": {\"z\": 1}}", NULL},
        {"rename: { a: 'q\"' }", "{\"a\": 1}", "{\"q\\\"\": 1}", NULL},
        {"rename: { mail: email }", "{\"mail\": 1, \"email\": 2}", NULL,
         "event 0 (t, a/1 version 0): upcasting t from schema version 1 to 2: rename mail to "
         "email: "
         "'email' is there already"},
        {"rename: { a: b }", "[1]", NULL, "the data must be an object, not a list"},
        {"rename: { a: b }", "1.5", NULL, "the data must be an object, not a number"},
    };
    EXPECT(rows);
}

static void test_move(void **state)
{
    (void)state;
    static const row rows[] = {
        {"move: { address.city: city }", "{\"address\": {\"city\": \"Bonn\", \"zip\": \"1\"}}",
         "{\"address\": {\"zip\": \"1\"}, \"city\": \"Bonn\"}", NULL},
        {"move: { city: address.city }", "{\"city\": \"Bonn\"}",
         "{\"address\": {\"city\": \"Bonn\"}}", NULL},
        {"move: { city: address.city }", "{\"city\": 1, \"address\": {\"zip\": 2}}",
         "{\"address\": {\"zip\": 2, \"city\": 1}}", NULL},
        {"move: { a: b.c.d }", "{\"x\": 1}", "{\"x\": 1}", NULL},
        {"move: { a: b.c.d }", "{\"a\": [1, 2.50]}", "{\"b\": {\"c\": {\"d\": [1, 2.50]}}}", NULL},
        {"move: { 'l[].a.b': 'l[].b' }", "{\"l\": [{\"a\": {\"b\": 1}}, {\"a\": {\"b\": 2}}]}",
         "{\"l\": [{\"a\": {}, \"b\": 1}, {\"a\": {}, \"b\": 2}]}", NULL},
        {"move: { a: b }", "{\"a\": 1, \"b\": 2}", NULL, "move a to b: 'b' is there already"},
        {"move: { a: b.c }", "{\"a\": 1, \"b\": \"x\"}", NULL, "'b.c' leads through a text"},
        {"move: { a: b.c }", "{\"a\": 1, \"b\": null}", NULL, "'b.c' leads through null"},
    };
    EXPECT(rows);
}

static void test_drop(void **state)
{
    (void)state;
    static const row rows[] = {
        {"drop: [ a ]", "{\"a\": {\"b\": 1}, \"c\": 1e400}", "{\"c\": 1e400}", NULL},
        {"drop: [ a.b, c ]", "{\"a\": {\"b\": 1}, \"c\": 2}", "{\"a\": {}}", NULL},
        {"drop: [ a ]", "{}", "{}", NULL},
        {"drop: [ 'l[].x' ]", "{\"l\": [{\"x\": 1, \"y\": 2}]}", "{\"l\": [{\"y\": 2}]}", NULL},
        {"drop: [ a ]", "{\"\\u0061\": 1, \"b\": 2}", "{\"b\": 2}", NULL},
    };
    EXPECT(rows);
}

static void test_default(void **state)
{
    (void)state;
    static const row rows[] = {
        {"default: { active: true }", "{\"a\": 1}", "{\"a\": 1, \"active\": true}", NULL},
        {"default: { active: true }", "{\"active\": null}", "{\"active\": null}", NULL},
        {"default: { a: { b: [1.10, null, 'x', \"1\", yes!, -2e5] } }", "{}",
         "{\"a\": {\"b\": [1.10, null, \"x\", \"1\", \"yes!\", -2e5]}}", NULL},
        {"default: { a.b: 1 }", "{}", "{\"a\": {\"b\": 1}}", NULL},
        {"default: { a.b: 1 }", "{\"a\": null}", "{\"a\": null}", NULL},
        {"default: { a.b: 1 }", "{\"a\": \"x\"}", NULL, "default a.b: 'a.b' leads through a text"},
        {"default: { 'l[].c': EUR }", "{\"l\": [{}, {\"c\": \"USD\"}]}",
         "{\"l\": [{\"c\": \"EUR\"}, {\"c\": \"USD\"}]}", NULL},
        {"default: { 'l[].c': EUR }", "{}", "{}", NULL},
    };
    EXPECT(rows);
}

static void test_convert(void **state)
{
    (void)state;
    static const row rows[] = {
        {"convert: { a: text }", "{\"a\": 1.10}", "{\"a\": \"1.10\"}", NULL},
        {"convert: { a: text }", "{\"a\": \"x\\\"\"}", "{\"a\": \"x\\\"\"}", NULL},
        {"convert: { a: text }", "{\"a\": false}", "{\"a\": \"false\"}", NULL},
        {"convert: { a: integer }", "{\"a\": \"12\"}", "{\"a\": 12}", NULL},
        {"convert: { a: integer }", "{\"a\": \"\\u0031\"}", "{\"a\": 1}", NULL},
        {"convert: { a: integer }", "{\"a\": 12345678901234567890123}",
         "{\"a\": 12345678901234567890123}", NULL},
        {"convert: { a: integer }", "{\"a\": -12.00}", "{\"a\": -12}", NULL},
        {"convert: { a: integer }", "{\"a\": 1.25e3}", "{\"a\": 1250}", NULL},
        {"convert: { a: integer }", "{\"a\": 0.012e3}", "{\"a\": 12}", NULL},
        {"convert: { a: integer }", "{\"a\": 1200e-2}", "{\"a\": 12}", NULL},
        {"convert: { a: integer }", "{\"a\": -0.0}", "{\"a\": 0}", NULL},
        {"convert: { a: integer }", "{\"a\": true}", "{\"a\": 1}", NULL},
        {"convert: { a: integer }", "{\"a\": null}", "{\"a\": null}", NULL},
        {"convert: { a: integer }", "{}", "{}", NULL},
        {"convert: { a: number }", "{\"a\": \"1.10\"}", "{\"a\": 1.10}", NULL},
        {"convert: { a: boolean }", "{\"a\": \"true\"}", "{\"a\": true}", NULL},
        {"convert: { a: boolean }", "{\"a\": 0}", "{\"a\": false}", NULL},
        {"convert: { 'a.b[]': text }", "{\"a\": {\"b\": [1, \"x\", null]}}",
         "{\"a\": {\"b\": [\"1\", \"x\", null]}}", NULL},
        {"convert: { 'l[].n': integer }", "{\"l\": [{\"n\": \"7\"}]}", "{\"l\": [{\"n\": 7}]}",
         NULL},
        {"convert: { age: integer }", "{\"age\": \"abc\"}", NULL,
         "convert age to integer: 'age' cannot become a whole number: it is \"abc\""},
        {"convert: { a: integer }", "{\"a\": 1.5}", NULL, "it is 1.5"},
        {"convert: { a: integer }", "{\"a\": 1e5000}", NULL, "it is 1e5000"},
        {"convert: { a: integer }", "{\"a\": \"\"}", NULL, "it is \"\""},
        {"convert: { a: integer }", "{\"a\": \"007\"}", NULL, "it is \"007\""},
        {"convert: { a.b: number }", "{\"a\": {\"b\": {}}}", NULL,
         "'a.b' cannot become a number: it is an object"},
        {"convert: { a: text }", "{\"a\": [1]}", NULL, "'a' cannot become a text: it is a list"},
        {"convert: { a: number }", "{\"a\": \"1e999999\"}", NULL, "it is \"1e999999\""},
        {"convert: { a: boolean }", "{\"a\": 2}", NULL, "'a' cannot become a boolean: it is 2"},
        {"convert: { 'a[]': integer }", "{\"a\": [1, \"x\"]}", NULL, "it is \"x\""},
    };
    EXPECT(rows);
}

/* One after the other, however they are written: rename, move, drop, convert, default. */
static void test_the_order(void **state)
{
    (void)state;
    static const row rows[] = {
        {"default: { email: none, age: 0 }, convert: { age: integer }, drop: [ address ], "
         "move: { address.city: city }, rename: { mail: email }",
         "{\"mail\": \"x\", \"age\": \"7\", \"address\": {\"city\": \"Bonn\", \"zip\": 1}}",
         "{\"email\": \"x\", \"age\": 7, \"city\": \"Bonn\"}", NULL},
        {"rename: { addr: address }, move: { address.city: city }, drop: [ address.zip ]",
         "{\"addr\": {\"city\": 1, \"zip\": 2, \"n\": 3}}",
         "{\"address\": {\"n\": 3}, \"city\": 1}", NULL},
    };
    EXPECT(rows);
}

/* A link without rules only counts the version up: data of any kind passes. */
static void test_no_rules(void **state)
{
    (void)state;
    static const row rows[] = {{"drop: []", " [1.0 ,2]", " [1.0 ,2]", NULL},
                               {"rename: ~", "7", "7", NULL}};
    EXPECT(rows);
}

static void test_untouched_text_is_exact(void **state)
{
    (void)state;
    static const char value[] = "{\"n\":1.10,  \"huge\": 123456789012345678901234567890.000, "
                                "\"e\":1E+400,\"t\":\"\\u00e4\\/\\u0041\",\"l\":[ 1 ,2.0 ]}";
    char *data = weir_format("{\"keep\":%s,\"a\":1}", value);
    char *result = weir_format("{\"keep\": %s, \"b\": 1}", value);
    expect(&(row){"rename: { a: b }", data, result, NULL});
    free(data);
    free(result);
}

/* Text that is not JSON, which only a foreign message can hold, does no harm. */
static void test_broken_text(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",        "{",         "{\"a\"",      "{\"a\":",         "{\"a\":[",
        "{\"a\"1", "{\"a\":\"", "{\"a\":\"\\", "{\"l\":[{\"s\":", "{,}"};
    weir_upcasters *upcasters =
        parse("rename: { a: b }, drop: [ 'l[].s' ], convert: { a2: text }, default: { z.y: 1 }");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t length = strlen(texts[i]);
        char *copy = malloc(length ? length : 1);
        memcpy(copy, texts[i], length);
        weir_buffer scratch = WEIR_BUFFER(1 << 20);
        weir_error error = {0};
        weir_event event = {.type = "t",
                            .aggregate_type = "a",
                            .aggregate_id = "1",
                            .schema_version = 1,
                            .data = copy,
                            .data_length = length};
        bool ok = weir_upcasters_apply(upcasters, &event, &scratch, &error);
        assert_int_equal(event.schema_version, ok ? 2 : 1);
        assert_true(ok || error.fate == WEIR_FATE_POISON);
        weir_buffer_free(&scratch);
        free(copy);
    }
    weir_upcasters_free(upcasters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rename),      cmocka_unit_test(test_move),
        cmocka_unit_test(test_drop),        cmocka_unit_test(test_default),
        cmocka_unit_test(test_convert),     cmocka_unit_test(test_the_order),
        cmocka_unit_test(test_no_rules),    cmocka_unit_test(test_untouched_text_is_exact),
        cmocka_unit_test(test_broken_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
