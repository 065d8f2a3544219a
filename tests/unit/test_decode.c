/* Decoding: the wire format in, the event out; every malformed header named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/decode_int.h"

#define STORE "0192d3a4-0000-7000-8000-00000000000a"
#define HEADER(name, value)                                                                        \
    {                                                                                              \
        (name), (value), sizeof(value) - 1                                                         \
    }
#define MOST 24

static const weir_header whole[] = {
    HEADER("ce_specversion", "1.0"),
    HEADER("ce_id", "0192d3a4-7777-7000-8000-000000000001"),
    HEADER("ce_source", "/weir/order"),
    HEADER("ce_type", "order.placed"),
    HEADER("ce_time", "2024-03-01T12:00:00Z"),
    HEADER("ce_subject", "o-\xc3\xa4"),
    HEADER("content-type", "application/json"),
    HEADER("ce_aggregatetype", "order"),
    HEADER("ce_aggregateversion", "2"),
    HEADER("ce_position", "17"),
    HEADER("ce_prevposition", "9"),
    HEADER("ce_storeid", STORE),
    HEADER("ce_schemaversion", "3"),
    HEADER("ce_recordedtime", "2024-03-01T12:00:00.000250Z"),
};
#define WHOLE (sizeof whole / sizeof *whole)

typedef struct outcome {
    weir_header headers[MOST];
    size_t count;
    const weir_upcasters *upcasters;
    weir_arena *arena;
    weir_buffer scratch;
    weir_fields fields;
    weir_chain chain;
    weir_event event;
    weir_error error;
} outcome;

static int set_up(void **state)
{
    outcome *o = weir_calloc(1, sizeof *o);
    memcpy(o->headers, whole, sizeof whole);
    o->count = WHOLE;
    o->arena = weir_arena_new(1 << 16);
    o->scratch = WEIR_BUFFER(1 << 16);
    *state = o;
    return 0;
}

static int tear_down(void **state)
{
    outcome *o = *state;
    weir_arena_free(o->arena);
    weir_buffer_free(&o->scratch);
    free(o);
    return 0;
}

static void put(outcome *o, const char *name, const char *value)
{
    size_t i = 0;
    while (i < o->count && strcmp(o->headers[i].name, name) != 0)
        i++;
    assert_true(i < MOST);
    o->headers[i] = (weir_header){name, value, value ? strlen(value) : 0};
    o->count += i == o->count;
}

static bool decode(outcome *o, const char *data)
{
    weir_payload payload = {data, data ? strlen(data) : 0};
    weir_fields_find(o->headers, o->count, &o->fields);
    return weir_chain_read(&o->fields, &o->chain, &o->error) == WEIR_MESSAGE_OURS &&
           weir_event_read(&o->fields, &o->chain, payload, o->upcasters, o->arena, &o->scratch,
                           &o->event, &o->error);
}

static void test_every_field(void **state)
{
    outcome *o = *state;
    assert_true(decode(o, "{\"total\": 12}"));
    char id[WEIR_UUID_TEXT];
    weir_uuid_format(&o->event.id, id);
    assert_string_equal(id, "0192d3a4-7777-7000-8000-000000000001");
    assert_int_equal(o->chain.position, 17);
    assert_int_equal(o->chain.prevposition, 9);
    assert_string_equal(o->chain.store_id, STORE);
    assert_int_equal(o->event.position, 17);
    assert_string_equal(o->event.aggregate_type, "order");
    assert_string_equal(o->event.aggregate_id, "o-\xc3\xa4");
    assert_int_equal(o->event.version, 2);
    assert_string_equal(o->event.type, "order.placed");
    assert_int_equal(o->event.schema_version, 3);
    assert_string_equal(o->event.content_type, "application/json");
    assert_string_equal(o->event.data, "{\"total\": 12}");
    assert_int_equal(o->event.data_length, 13);
    assert_false(o->event.binary);
    assert_string_equal(o->event.metadata, "{}");
    assert_int_equal(o->event.metadata_length, 2);
    assert_int_equal(o->event.time_us, INT64_C(1709294400000000));
    assert_int_equal(o->event.recorded_at_us, INT64_C(1709294400000250));
}

static void test_a_tombstone_has_no_value(void **state)
{
    outcome *o = *state;
    assert_false(decode(o, NULL));
    put(o, "ce_type", "weir.tombstone");
    assert_true(decode(o, NULL));
    assert_string_equal(o->event.data, "null");
    assert_int_equal(o->event.data_length, 4);
    assert_false(o->event.binary);
}

static void test_a_value_in_another_form(void **state)
{
    outcome *o = *state;
    put(o, "ce_valueform", "string");
    assert_true(decode(o, "\"{\\\"a\\\": 1}\""));
    assert_string_equal(o->event.data, "{\"a\": 1}");
    assert_false(decode(o, "{\"a\": 1}"));
    put(o, "ce_valueform", "avro");
    assert_false(decode(o, "1"));
    assert_non_null(strstr(o->error.message, "ce_valueform"));
}

static void test_headers_in_any_order(void **state)
{
    outcome *o = *state;
    for (size_t i = 0; i < WHOLE; i++)
        o->headers[i] = whole[WHOLE - 1 - i];
    put(o, "x-mirror", "elsewhere");
    assert_true(decode(o, "1"));
    assert_int_equal(o->event.position, 17);
    assert_string_equal(o->event.type, "order.placed");
}

static void test_metadata_is_rebuilt_from_its_headers(void **state)
{
    outcome *o = *state;
    put(o, "ce_correlationid", "c-1");
    put(o, "ce_userid", "O\"Neil\n");
    put(o, "traceparent", "00-1-2-03");
    assert_true(decode(o, "1"));
    assert_string_equal(
        o->event.metadata,
        "{\"correlationid\":\"c-1\",\"userid\":\"O\\\"Neil\\n\",\"traceparent\":\"00-1-2-03\"}");
    assert_int_equal(o->event.metadata_length, strlen(o->event.metadata));
}

static void test_whole_metadata_stands_for_all(void **state)
{
    outcome *o = *state;
    put(o, "ce_correlationid", "c-1");
    put(o, "ce_metadata", "{\"correlationid\": \"c-1\", \"tenant\": 4}");
    assert_true(decode(o, "1"));
    assert_string_equal(o->event.metadata, "{\"correlationid\": \"c-1\", \"tenant\": 4}");
}

static void test_content_type_says_what_data_is(void **state)
{
    outcome *o = *state;
    static const struct {
        const char *content_type;
        bool binary;
    } cases[] = {
        {"application/json", false},        {"application/vnd.shop+json ; charset=utf-8", false},
        {"Application/JSON", false},        {"application/msgpack", true},
        {"text/plain; format=/json", true}, {"json", true},
        {"application/xjson", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(o, "content-type", cases[i].content_type);
        assert_true(decode(o, "1"));
        assert_int_equal(o->event.binary, cases[i].binary);
    }
}

/* Old data is brought forward while it is decoded; what cannot be is the message's fault. */
static void test_old_events_become_current(void **state)
{
    outcome *o = *state;
    static const char rules[] = "order.placed: [ { from: 3, to: 4, rename: { sum: total } } ]";
    weir_upcasters *upcasters = weir_upcasters_new();
    assert_true(weir_upcasters_parse(upcasters, "s.yaml", rules, strlen(rules), &o->error));
    o->upcasters = upcasters;
    assert_true(decode(o, "{\"sum\": 12.50}"));
    weir_buffer_free(&o->scratch); /* the event is in the arena */
    o->scratch = WEIR_BUFFER(1 << 16);
    assert_string_equal(o->event.data, "{\"total\": 12.50}");
    assert_int_equal(o->event.data_length, strlen("{\"total\": 12.50}"));
    assert_int_equal(o->event.schema_version, 4);
    assert_false(decode(o, "{\"sum\": 1, \"total\": 2}"));
    assert_int_equal(o->error.fate, WEIR_FATE_POISON);
    put(o, "ce_schemaversion", "5");
    assert_false(decode(o, "{}"));
    assert_string_equal(o->error.message,
                        "event 17 (order.placed, order/o-\xc3\xa4 version 2): schema version 5 of "
                        "order.placed is newer than 4, the latest known here: add the link that "
                        "leads to it, or upgrade this program first");
    weir_upcasters_free(upcasters);
}

static void test_empty_data(void **state)
{
    outcome *o = *state;
    assert_false(decode(o, NULL));
    assert_int_equal(o->error.fate, WEIR_FATE_POISON);
    put(o, "content-type", "application/octet-stream");
    assert_true(decode(o, NULL));
    assert_int_equal(o->event.data_length, 0);
    assert_string_equal(o->event.data, "");
}

static void test_foreign_messages_are_told_from_broken_ones(void **state)
{
    outcome *o = *state;
    weir_fields_find(o->headers, 5, &o->fields);
    assert_int_equal(weir_chain_read(&o->fields, &o->chain, &o->error), WEIR_MESSAGE_FOREIGN);
    weir_fields_find(o->headers, 0, &o->fields);
    assert_int_equal(weir_chain_read(&o->fields, &o->chain, &o->error), WEIR_MESSAGE_FOREIGN);
    weir_fields_find(o->headers, 10, &o->fields); /* a position but no store id */
    assert_int_equal(weir_chain_read(&o->fields, &o->chain, &o->error), WEIR_MESSAGE_BROKEN);
    assert_non_null(strstr(o->error.message, "ce_storeid is missing"));
}

static void test_each_malformed_header_is_named(void **state)
{
    outcome *o = *state;
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"ce_position", "0"},
        {"ce_position", "-1"},
        {"ce_position", "seventeen"},
        {"ce_position", "1234567890123456789"},
        {"ce_position", ""},
        {"ce_prevposition", "x"},
        {"ce_prevposition", "17"},
        {"ce_id", "17"},
        {"ce_specversion", "0.3"},
        {"ce_aggregateversion", "0"},
        {"ce_schemaversion", "0"},
        {"ce_schemaversion", "2147483648"},
        {"ce_time", "yesterday"},
        {"ce_recordedtime", "2024-02-30T00:00:00Z"},
        {"ce_type", ""},
        {"ce_subject", ""},
        {"ce_aggregatetype", ""},
        {"content-type", ""},
        {"ce_prevposition", NULL},
        {"ce_id", NULL},
        {"ce_recordedtime", NULL},
        {"ce_subject", NULL},
        {"ce_aggregateversion", NULL},
        {"ce_specversion", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(o->headers, whole, sizeof whole);
        put(o, cases[i].name, cases[i].value);
        assert_false(decode(o, "1"));
        assert_int_equal(o->error.fate, WEIR_FATE_POISON);
        if (!strstr(o->error.message, cases[i].name))
            fail_msg("%s=%s: %s", cases[i].name, cases[i].value ? cases[i].value : "missing",
                     o->error.message);
    }
}

static void test_what_does_not_fit_is_refused(void **state)
{
    outcome *o = *state;
    char *data = weir_malloc(1 << 17);
    memset(data, '1', 1 << 17);
    data[0] = data[(1 << 17) - 2] = '"';
    data[(1 << 17) - 1] = '\0';
    put(o, "ce_valueform", "string");
    assert_false(decode(o, data));
    assert_int_equal(o->error.fate, WEIR_FATE_POISON);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_field, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_tombstone_has_no_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_value_in_another_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_metadata_is_rebuilt_from_its_headers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_whole_metadata_stands_for_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_content_type_says_what_data_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_events_become_current, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_data, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_messages_are_told_from_broken_ones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_each_malformed_header_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
