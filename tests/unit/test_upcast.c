/* The registry: chains of C functions and rules, what is refused before any event, and what is the
 * event's own fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/upcast.h"

static const char rules[] = "user.registered:\n"
                            "  - { from: 1, to: 2, rename: { mail: email } }\n"
                            "  - { from: 3, to: 5, default: { active: true } }\n";

static bool parse(weir_upcasters *upcasters, const char *text)
{
    weir_error error = {0};
    if (!weir_upcasters_parse(upcasters, "s.yaml", text, strlen(text), &error))
        fail_msg("%s", error.message);
    return true;
}

/* {"email": X} becomes {"email": X, "n": <context>}. */
static bool add_member(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)error;
    weir_buffer_append(data, event->data, event->data_length - 1);
    weir_buffer_format(data, ", \"n\": %s}", (const char *)context);
    return true;
}

static bool refuse(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)event, (void)data;
    return *(const bool *)context && weir_fail(error, WEIR_FATE_POISON, "no address");
}

static bool write_text(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)event, (void)error;
    weir_buffer_text(data, context);
    return true;
}

static weir_event event_of(const char *type, int32_t version, const char *data)
{
    return (weir_event){.position = 7,
                        .type = type,
                        .aggregate_type = "user",
                        .aggregate_id = "u-1",
                        .version = 3,
                        .schema_version = version,
                        .content_type = "application/json",
                        .data = data,
                        .data_length = strlen(data)};
}

static void test_a_chain_of_three(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(1000);
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, rules));
    assert_true(weir_upcasters_add(upcasters, "user.registered", 2, 3, add_member, "1.10", &error));
    assert_true(weir_upcasters_check(upcasters, &error));
    assert_int_equal(weir_upcasters_latest(upcasters, "user.registered"), 5);
    static const struct {
        int32_t version;
        const char *data, *result;
    } rows[] = {
        {1, "{\"mail\": 2.0}", "{\"email\": 2.0, \"n\": 1.10, \"active\": true}"},
        {2, "{\"mail\": 2.0}", "{\"mail\": 2.0, \"n\": 1.10, \"active\": true}"},
        {3, "{\"mail\": 2.0}", "{\"mail\": 2.0, \"active\": true}"},
        {5, "{\"mail\": 2.0}", "{\"mail\": 2.0}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) { /* the buffer is used again */
        weir_event event = event_of("user.registered", rows[i].version, rows[i].data);
        assert_true(weir_upcasters_apply(upcasters, &event, &scratch, &error));
        assert_string_equal(event.data, rows[i].result);
        assert_int_equal(event.data_length, strlen(rows[i].result));
        assert_int_equal(event.schema_version, 5);
        if (rows[i].version == 5) /* nothing was copied */
            assert_ptr_equal(event.data, rows[i].data);
    }
    weir_buffer_free(&scratch);
    weir_upcasters_free(upcasters);
}

static void test_weak_schema(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(1000);
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, rules));
    weir_event event = event_of("user.left", 99, "{}");
    assert_true(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    assert_int_equal(event.schema_version, 99);
    assert_int_equal(weir_upcasters_latest(upcasters, "user.left"), 0);
    assert_true(weir_upcasters_apply(NULL, &event, &scratch, &error));
    assert_null(scratch.data);
    weir_upcasters_free(upcasters);
}

static void expect_poison(const weir_upcasters *upcasters, weir_event event, size_t limit,
                          const char *why)
{
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(limit);
    assert_false(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    assert_string_equal(error.message, why);
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    weir_buffer_free(&scratch);
}

#define EVENT "event 7 (user.registered, user/u-1 version 3): "

static void test_versions_that_the_chain_does_not_know(void **state)
{
    (void)state;
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, "user.registered: [ { from: 2, to: 4 } ]\n"));
    expect_poison(upcasters, event_of("user.registered", 5, "{}"), 1000,
                  EVENT "schema version 5 of user.registered is newer than 4, the latest known "
                        "here: add the link that leads to it, or upgrade this program first");
    expect_poison(upcasters, event_of("user.registered", 1, "{}"), 1000,
                  EVENT "schema version 1 of user.registered is older than 4, the latest, and no "
                        "link leads from it: add one");
    expect_poison(upcasters, event_of("user.registered", 3, "{}"), 1000,
                  EVENT "schema version 3 of user.registered is older than 4, the latest, and no "
                        "link leads from it: add one");
    weir_upcasters_free(upcasters);
}

#define STEP EVENT "upcasting user.registered from schema version 1 to 2: "

static void test_functions_that_fail(void **state)
{
    (void)state;
    static bool yes = true, no = false;
    static const struct {
        weir_upcast_fn *fn;
        void *context;
        const char *why;
    } rows[] = {
        {refuse, &yes, STEP "no address"},
        {refuse, &no, STEP "the function failed without a reason"},
        {write_text, "", STEP "the function wrote no data"},
        {write_text, "{\"a\":}", STEP "bad JSON at line 1, column 6: a value is expected"},
        {write_text, "{\"a\":1,\"a\":2}", STEP "/a: a duplicate key"},
        {write_text, "\"this text is longer than forty bytes, you see\"",
         STEP "the result is larger than 40 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        weir_error error = {0};
        weir_upcasters *upcasters = weir_upcasters_new();
        assert_true(weir_upcasters_add(upcasters, "user.registered", 1, 2, rows[i].fn,
                                       rows[i].context, &error));
        expect_poison(upcasters, event_of("user.registered", 1, "{}"), 40, rows[i].why);
        weir_upcasters_free(upcasters);
    }
}

static void test_binary_data(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(1000);
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, "user.registered: [ { from: 1, to: 2, drop: [ a ] } ]\n"
                                 "user.closed: [ { from: 1, to: 2 } ]\n"));
    weir_event event = event_of("user.registered", 1, "\xff\xfe");
    event.binary = true;
    event.content_type = "application/x-thing";
    expect_poison(
        upcasters, event, 1000,
        STEP "its data is application/x-thing, and rules need JSON or msgpack: use a C function");
    event.type = "user.seen";
    assert_true(weir_upcasters_add(upcasters, "user.seen", 1, 2, write_text, "\xfd", &error));
    assert_true(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    assert_int_equal(event.data_length, 1);
    assert_memory_equal(event.data, "\xfd", 1);
    event.type = "user.closed"; /* nothing to do: of any kind */
    event.schema_version = 1;
    assert_true(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    assert_memory_equal(event.data, "\xfd", 1);
    weir_buffer_free(&scratch);
    weir_upcasters_free(upcasters);
}

static void test_msgpack(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_buffer scratch = WEIR_BUFFER(1000);
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, "user.registered: [ { from: 1, to: 2, rename: { mail: email }, "
                                 "default: { n: 1.5 } } ]\n"));
    weir_event event = event_of("user.registered", 1, "\x81\xa4mail\xa1x"); /* {"mail": "x"} */
    event.binary = true;
    event.content_type = "application/msgpack";
    assert_true(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    static const char expected[] = "\x82\xa5"
                                   "email\xa1x\xa1n\xcb\x3f\xf8\0\0\0\0\0\0";
    assert_int_equal(event.data_length, sizeof expected - 1);
    assert_memory_equal(event.data, expected, sizeof expected - 1);
    event = event_of("user.registered", 1, "\xc1");
    event.binary = true;
    event.content_type = "application/msgpack";
    assert_false(weir_upcasters_apply(upcasters, &event, &scratch, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    weir_buffer_free(&scratch);
    weir_upcasters_free(upcasters);
}

static void test_links_that_are_refused(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, rules));
    assert_false(weir_upcasters_check(upcasters, &error));
    assert_string_equal(error.message,
                        "s.yaml:2: the link of user.registered from version 1 to 2 leads nowhere: "
                        "none goes on from 2, and 5 is the latest version");
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_false(weir_upcasters_add(upcasters, "user.registered", 1, 5, write_text, "", &error));
    assert_string_equal(error.message, "upcaster in C: a second link of user.registered from "
                                       "version 1; the first, to 2, is s.yaml:2");
    assert_false(weir_upcasters_add(upcasters, "user.registered", 2, 2, write_text, "", &error));
    assert_false(weir_upcasters_add(upcasters, "user.registered", 0, 2, write_text, "", &error));
    assert_true(weir_upcasters_add(upcasters, "user.registered", 2, 3, write_text, "", &error));
    assert_true(weir_upcasters_check(upcasters, &error));
    weir_upcasters_free(upcasters);
}

static void test_listing(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(weir_upcasters_add(upcasters, "user.z", 1, 2, write_text, "", &error));
    assert_true(parse(upcasters, "user.b: [ { from: 2, to: 3 },\n"
                                 "  { from: 1, to: 2, drop: [ x ], default: { y: 1 } } ]\n"));
    static const struct {
        const char *type;
        int32_t from;
        const char *place;
        size_t rules;
    } rows[] = {{"user.b", 1, "s.yaml:2", 2}, {"user.b", 2, "s.yaml:1", 0}, {"user.z", 1, NULL, 0}};
    for (size_t i = 0; i < 3; i++) {
        const weir_upcast_link *link = weir_upcasters_link(upcasters, i);
        assert_string_equal(weir_upcast_link_type(link), rows[i].type);
        assert_int_equal(weir_upcast_link_from(link), rows[i].from);
        assert_int_equal(weir_upcast_link_to(link), rows[i].from + 1);
        assert_int_equal(weir_upcast_link_rules(link), rows[i].rules);
        assert_int_equal(weir_upcast_link_place(link) != NULL, rows[i].place != NULL);
        if (rows[i].place)
            assert_string_equal(weir_upcast_link_place(link), rows[i].place);
    }
    assert_null(weir_upcasters_link(upcasters, 3));
    const char *path;
    const weir_upcast_link *first = weir_upcasters_link(upcasters, 0);
    assert_string_equal(weir_upcast_link_rule(first, 0, &path), "drop x");
    assert_string_equal(path, "x");
    assert_string_equal(weir_upcast_link_rule(first, 1, &path), "default y");
    assert_null(path);
    weir_upcasters_free(upcasters);
}

/* Tools count what the rules found. */
static void test_counting(void **state)
{
    (void)state;
    weir_error error = {0};
    size_t found[3] = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(parse(upcasters, "user.b: [ { from: 1, to: 2, drop: [ x, 'l[].y' ], "
                                 "rename: { 'a': b } } ]\n"));
    const weir_upcast_link *link = weir_upcasters_link(upcasters, 0);
    for (int i = 0; i < 2; i++) {
        weir_buffer scratch = WEIR_BUFFER(1000);
        weir_event event = event_of("user.b", 1, "{\"x\": 1, \"l\": [{\"y\": 1}, {\"y\": 2}]}");
        assert_true(weir_upcast_link_apply(link, &event, &scratch, found, &error));
        weir_buffer_free(&scratch);
    }
    assert_int_equal(found[0], 0); /* rename */
    assert_int_equal(found[1], 2);
    assert_int_equal(found[2], 2);
    weir_upcasters_free(upcasters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_of_three),
        cmocka_unit_test(test_weak_schema),
        cmocka_unit_test(test_versions_that_the_chain_does_not_know),
        cmocka_unit_test(test_functions_that_fail),
        cmocka_unit_test(test_binary_data),
        cmocka_unit_test(test_msgpack),
        cmocka_unit_test(test_links_that_are_refused),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
