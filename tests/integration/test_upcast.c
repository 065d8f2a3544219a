/* Upcasting on the store's reads: what is stored, as it comes out. */
#include "store/upcast.h"
#include "tests/integration/fixture.h"

static const char rules[] =
    "user.created: [ { from: 1, to: 2, rename: { mail: email } }, { from: 2, to: 3 } ]\n";

static void append(fixture *f, const char *events)
{
    weir_error error = {0};
    weir_param params[] = {WEIR_PARAM_TEXT(events)};
    weir_result *result = weir_connection_text(weir_store_connection(f->store),
                                               "SELECT weir.append('user', 'u1', NULL, $1::jsonb)",
                                               params, 1, &error);
    if (!result)
        fail_msg("%s", error.message);
    weir_result_free(result);
}

static weir_upcasters *parse(const char *text)
{
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_ok(weir_upcasters_parse(upcasters, "s.yaml", text, strlen(text), &error));
    assert_ok(weir_upcasters_check(upcasters, &error));
    return upcasters;
}

/* Every event as "version:schema_version:data ". */
static bool see(void *context, const weir_event *event, weir_error *error)
{
    (void)error;
    weir_buffer_format(context, "%d:%d:%s ", (int)event->version, (int)event->schema_version,
                       event->data);
    return strlen(event->data) == event->data_length;
}

static void expect_read(fixture *f, weir_read what, bool follow, const char *expected)
{
    weir_error error = {0};
    weir_buffer seen = WEIR_BUFFER(1 << 20);
    assert_ok(follow ? weir_store_follow(f->store, &what, see, NULL, &seen, &error)
                     : weir_store_read(f->store, &what, see, &seen, &error));
    assert_string_equal(seen.data, expected);
    weir_buffer_free(&seen);
}

#define HUGE "123456789012345678901234567890.10"

static void every_read_hands_out_the_latest_form(void **state)
{
    fixture *f = *state;
    weir_upcasters *upcasters = parse(rules);
    append(f, "[{\"type\": \"user.created\", \"data\": {\"mail\": \"x\", \"n\": " HUGE "}},"
              " {\"type\": \"user.created\", \"schemaversion\": 3, \"data\": {\"mail\": 1.10}},"
              " {\"type\": \"user.left\", \"schemaversion\": 9, \"data\": {\"mail\": 2}}]");
    weir_read stream = {.aggregate_type = "user", .aggregate_id = "u1"};
    static const char stored[] =
        "1:1:{\"n\": " HUGE ", \"mail\": \"x\"} 2:3:{\"mail\": 1.10} 3:9:{\"mail\": 2} ";
    static const char latest[] =
        "1:3:{\"n\": " HUGE ", \"email\": \"x\"} 2:3:{\"mail\": 1.10} 3:9:{\"mail\": 2} ";
    expect_read(f, stream, false, stored);
    weir_store_upcast(f->store, upcasters);
    expect_read(f, stream, false, latest);
    expect_read(f, (weir_read){0}, false, latest);
    expect_read(f, (weir_read){.aggregate_type = "user"}, false, latest);
    expect_read(f, (weir_read){.limit = 3}, true, latest);
    expect_read(f, (weir_read){.event_type = "user.created", .backwards = true, .limit = 2}, false,
                "2:3:{\"mail\": 1.10} 1:3:{\"n\": " HUGE ", \"email\": \"x\"} ");
    weir_store_upcast(f->store, NULL);
    expect_read(f, stream, false, stored);
    weir_upcasters_free(upcasters);
}

static void an_event_that_is_newer_than_known_ends_the_read(void **state)
{
    fixture *f = *state;
    weir_error error = {0};
    weir_buffer seen = WEIR_BUFFER(1 << 20);
    weir_upcasters *upcasters = parse(rules);
    append(f, "[{\"type\": \"user.created\", \"data\": {\"mail\": 1}},"
              " {\"type\": \"user.created\", \"schemaversion\": 4, \"data\": {}}]");
    weir_store_upcast(f->store, upcasters);
    weir_read all = {0};
    assert_false(weir_store_read(f->store, &all, see, &seen, &error));
    assert_int_equal(error.fate, WEIR_FATE_POISON);
    assert_non_null(strstr(error.message, "(user.created, user/u1 version 2): schema version 4 of "
                                          "user.created is newer than 3"));
    assert_string_equal(seen.data, "1:3:{\"email\": 1} ");
    weir_store_upcast(f->store, NULL); /* the handle is as good as before */
    expect_read(f, all, false, "1:1:{\"mail\": 1} 2:4:{} ");
    weir_buffer_free(&seen);
    weir_upcasters_free(upcasters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_store, fixture_drop)
        T(every_read_hands_out_the_latest_form),
        T(an_event_that_is_newer_than_known_ends_the_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
