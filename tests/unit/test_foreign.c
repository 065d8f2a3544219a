/* Foreign messages: raw JSON and what Debezium's outbox event router writes, whole and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/foreign_int.h"

#define MOST 8
#define ID "4d47e190-0402-4048-bc2c-89dd54343cdc"
#define WRAPPED(type, payload)                                                                     \
    "{\"schema\": {\"type\": \"" type "\", \"optional\": false}, \"payload\": " payload "}"

typedef struct outcome {
    weir_foreign foreign;
    const char *topic;
    weir_header headers[MOST];
    weir_raw raw;
    weir_arena *arena;
    weir_buffer scratch;
    weir_event event;
    weir_error error;
} outcome;

static int set_up(void **state)
{
    outcome *o = weir_calloc(1, sizeof *o);
    o->topic = "payments";
    o->raw = (weir_raw){.key = "p-1", .key_length = 3, .headers = o->headers, .time_ms = 1500};
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

static void header(outcome *o, const char *name, const char *value)
{
    assert_true(o->raw.header_count < MOST);
    o->headers[o->raw.header_count++] = (weir_header){name, value, value ? strlen(value) : 0};
}

static void key(outcome *o, const char *text)
{
    o->raw.key = text;
    o->raw.key_length = text ? strlen(text) : 0;
}

static bool read_bytes(outcome *o, const char *value, size_t length)
{
    o->raw.value = (weir_payload){value, length};
    weir_error_clear(&o->error);
    weir_arena_reset(o->arena);
    const weir_foreign_message message = {o->topic, 2, 41, &o->raw};
    return weir_foreign_read(&o->foreign, &message, o->arena, &o->scratch, &o->event, &o->error);
}

static bool read(outcome *o, const char *value)
{
    return read_bytes(o, value, value ? strlen(value) : 0);
}

static void assert_refused(outcome *o, const char *value, const char *why)
{
    assert_false(read(o, value));
    assert_int_equal(o->error.fate, WEIR_FATE_POISON);
    if (!strstr(o->error.message, why))
        fail_msg("'%s' does not say '%s'", o->error.message, why);
    assert_non_null(o->event.aggregate_id);
    assert_int_equal(o->event.position, 42);
}

static outcome *debezium(void **state)
{
    outcome *o = *state;
    o->foreign.format = WEIR_FOREIGN_DEBEZIUM_OUTBOX;
    o->topic = "outbox.event.order";
    return o;
}

static void test_json_is_taken_as_it_is(void **state)
{
    outcome *o = *state;
    header(o, "tenant", "acme \"1\"");
    header(o, "raw", "\xff");
    header(o, "none", NULL);
    header(o, "tenant", "last");
    assert_true(read(o, " {\"a\": 1.50} "));
    assert_string_equal(o->event.data, "{\"a\": 1.50}");
    assert_int_equal(o->event.data_length, strlen(o->event.data));
    assert_string_equal(o->event.aggregate_type, "payments");
    assert_string_equal(o->event.aggregate_id, "p-1");
    assert_string_equal(o->event.type, "payments");
    assert_int_equal(o->event.position, 42);
    assert_int_equal(o->event.version, 42);
    assert_int_equal(o->event.schema_version, 1);
    assert_int_equal(o->event.time_us, 1500000);
    assert_int_equal(o->event.recorded_at_us, 1500000);
    assert_string_equal(o->event.metadata,
                        "{\"raw\":{\"base64\":\"/w==\"},\"none\":null,\"tenant\":\"last\"}");
    weir_uuid id = weir_uuid_from_name("kafka:///payments/2/41", 22);
    assert_memory_equal(o->event.id.bytes, id.bytes, sizeof id.bytes);
}

/* In the format json a wrapping is data, and a header id only a header. */
static void test_json_is_not_unwrapped(void **state)
{
    outcome *o = *state;
    header(o, "id", ID);
    assert_true(read(o, WRAPPED("string", "\"{}\"")));
    assert_non_null(strstr(o->event.data, "schema"));
    weir_uuid id;
    assert_true(weir_uuid_parse(ID, strlen(ID), &id));
    assert_memory_not_equal(o->event.id.bytes, id.bytes, sizeof id.bytes);
}

static void test_without_a_key_a_message_is_an_aggregate_of_its_own(void **state)
{
    outcome *o = *state;
    key(o, NULL);
    assert_true(read(o, "{}"));
    assert_string_equal(o->event.aggregate_id, "2-41");
    key(o, "");
    assert_true(read(o, "{}"));
    assert_string_equal(o->event.aggregate_id, "2-41");
}

static void test_a_tombstone_has_null_as_data(void **state)
{
    outcome *o = *state;
    o->foreign.type = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"kind"}};
    o->foreign.time = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"at"}};
    assert_true(read(o, NULL));
    assert_string_equal(o->event.type, "weir.tombstone");
    assert_string_equal(o->event.data, "null");
    assert_int_equal(o->event.time_us, 1500000);
}

static void test_the_type_is_where_it_is_usually_or_where_it_is_said_to_be(void **state)
{
    outcome *o = *state;
    header(o, "type", "paid");
    assert_true(read(o, "{}"));
    assert_string_equal(o->event.type, "paid");
    header(o, "eventType", "paid.again");
    assert_true(read(o, "{}"));
    assert_string_equal(o->event.type, "paid.again");
    o->foreign.type = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"a.kind"}};
    assert_true(read(o, "{\"kind\": 1, \"a\": {\"kind\": \"p\\u00e4id\"}}"));
    assert_string_equal(o->event.type, "p\xc3\xa4id");
    assert_refused(o, "{\"kind\": \"x\"}", "its type: the value has no field a.kind");
    assert_refused(o, "{\"a\": {\"kind\": {}}}", "neither text nor number");
    assert_refused(o, "[]", "no field a.kind");
    assert_refused(o, "{\"a\": {\"kind\": \"\"}}", "no event type");
    o->foreign.type = (weir_foreign_source){WEIR_FOREIGN_HEADER, (char[]){"kind"}};
    assert_refused(o, "{}", "the header kind is missing");
    header(o, "kind", "a\nb");
    assert_refused(o, "{}", "no event type");
}

static void test_the_time_is_rfc_3339_or_milliseconds(void **state)
{
    outcome *o = *state;
    o->foreign.time = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"at"}};
    assert_true(read(o, "{\"at\": 1556890294484}"));
    assert_true(o->event.time_us == 1556890294484000);
    assert_int_equal(o->event.recorded_at_us, 1500000);
    assert_true(read(o, "{\"at\": \"1970-01-01T00:00:02Z\"}"));
    assert_int_equal(o->event.time_us, 2000000);
    assert_refused(o, "{\"at\": \"yesterday\"}", "its time is neither");
    assert_refused(o, "{\"at\": 1556890294484000}", "its time is neither");
    assert_refused(o, "{\"at\": null}", "neither text nor number");
    o->foreign.time = (weir_foreign_source){WEIR_FOREIGN_HEADER, (char[]){"at"}};
    header(o, "at", "3000");
    assert_true(read(o, "{}"));
    assert_int_equal(o->event.time_us, 3000000);
}

static void test_broken_values_are_refused(void **state)
{
    outcome *o = *state;
    assert_refused(o, "", "empty");
    assert_refused(o, "paid", "not taken as JSON");
    assert_refused(o, "{\"a\": 1", "not taken as JSON");
    assert_refused(o, "{\"a\": 1, \"a\": 2}", "/a");
    assert_refused(o, "\"\xff\"", "UTF-8");
    assert_refused(o, "\"\\u0000\"", "u0000");
    assert_false(read_bytes(o, "{}\0", 3));
    char *deep = weir_calloc(1, 6001);
    memset(deep, '[', 3000);
    memset(deep + 3000, ']', 3000);
    assert_refused(o, deep, "deep");
    free(deep);
    assert_string_equal(o->event.aggregate_id, "p-1");
}

static void test_a_key_that_is_no_text_is_refused(void **state)
{
    outcome *o = *state;
    key(o, "\xff\xfe");
    assert_refused(o, "{}", "the key is no aggregate id");
    assert_string_equal(o->event.aggregate_id, "2-41");
    key(o, "a\tb");
    assert_refused(o, "{}", "the key is no aggregate id");
    o->raw.key = "\0\0\0\7";
    o->raw.key_length = 4;
    assert_refused(o, "{}", "the key is no aggregate id");
    char *large = weir_calloc(1, 300);
    memset(large, 'x', 257);
    key(o, large);
    assert_refused(o, "{}", "at most 256");
    free(large);
}

static void test_data_can_be_a_field(void **state)
{
    outcome *o = *state;
    o->foreign.data = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"body.it"}};
    assert_true(read(o, "{\"body\": {\"it\": [1, {}]}}"));
    assert_string_equal(o->event.data, "[1, {}]");
    assert_refused(o, "{\"body\": {}}", "no field body.it");
}

static void assert_outbox(outcome *o, const char *value)
{
    weir_uuid id;
    assert_true(weir_uuid_parse(ID, strlen(ID), &id));
    if (!read(o, value))
        fail_msg("%s: %s", value, o->error.message);
    assert_string_equal(o->event.aggregate_type, "order");
    assert_string_equal(o->event.aggregate_id, "o-1");
    assert_string_equal(o->event.type, "order.placed");
    assert_memory_equal(o->event.id.bytes, id.bytes, sizeof id.bytes);
    assert_string_equal(o->event.data, "{\"n\": 1}");
}

static void test_an_outbox_message_in_every_form(void **state)
{
    outcome *o = debezium(state);
    header(o, "id", ID);
    header(o, "eventType", "order.placed");
    key(o, "o-1");
    assert_outbox(o, "{\"n\": 1}");
    assert_outbox(o, "\"{\\\"n\\\": 1}\"");
    assert_outbox(o, WRAPPED("string", "\"{\\\"n\\\": 1}\""));
    assert_outbox(o, WRAPPED("struct", "{\"n\": 1}"));
    assert_outbox(o, "{\"schema\": null, \"payload\": \"{\\\"n\\\": 1}\"}");
    key(o, WRAPPED("string", "\"o-1\""));
    assert_outbox(o, "{\"n\": 1}");
    key(o, "\"o-1\"");
    o->headers[0] = (weir_header){"id", "\"" ID "\"", strlen(ID) + 2};
    o->headers[1].value = WRAPPED("string", "\"order.placed\"");
    o->headers[1].length = strlen(o->headers[1].value);
    assert_outbox(o, "{\"n\": 1}");
    o->headers[1] = (weir_header){"type", "order.placed", 12};
    assert_outbox(o, "{\"n\": 1}");
}

static void test_an_outbox_envelope(void **state)
{
    outcome *o = debezium(state);
    header(o, "id", ID);
    key(o, "o-1");
    o->foreign.type = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"eventType"}};
    o->foreign.data = (weir_foreign_source){WEIR_FOREIGN_FIELD, (char[]){"payload"}};
    assert_outbox(o, "{\"payload\": \"{\\\"n\\\": 1}\", \"eventType\": \"order.placed\"}");
    assert_outbox(o,
                  WRAPPED("struct", "{\"payload\": {\"n\": 1}, \"eventType\": \"order.placed\"}"));
}

static void test_what_outbox_messages_may_lack(void **state)
{
    outcome *o = debezium(state);
    header(o, "id", "17");
    assert_true(read(o, "\"paid\""));
    assert_string_equal(o->event.data, "\"paid\"");
    assert_string_equal(o->event.type, "order");
    weir_uuid id = weir_uuid_from_name("kafka:///outbox.event.order/2/41", 32);
    assert_memory_equal(o->event.id.bytes, id.bytes, sizeof id.bytes);
    assert_true(read(o, "{\"payload\": {}}")); /* without a schema it is data */
    assert_string_equal(o->event.data, "{\"payload\": {}}");
    assert_true(read(o, WRAPPED("string", "null")));
    assert_string_equal(o->event.data, "null");
    o->topic = "outbox.event.";
    assert_true(read(o, "{}"));
    assert_string_equal(o->event.aggregate_type, "outbox.event.");
}

static void test_broken_outbox_values_are_refused(void **state)
{
    outcome *o = debezium(state);
    assert_refused(o, "\"{\\\"n\\\": \"", "the JSON in the value's text");
    assert_refused(o, WRAPPED("string", "\"[1,,2]\""), "the JSON in the value's text");
    assert_refused(o, "\"{\\\"a\\\":1,\\\"a\\\":2}\"", "/a");
}

/* Whatever the memory is, what does not fit is refused, and nothing is written beyond it. */
static void test_what_does_not_fit_is_refused(void **state)
{
    outcome *o = debezium(state);
    header(o, "id", ID);
    weir_arena_free(o->arena);
    size_t refused = 0, limit = 0;
    for (; limit < 4096; limit += 16) {
        o->arena = weir_arena_new(limit);
        bool ok = read(o, WRAPPED("string", "\"{\\\"n\\\": 1}\""));
        assert_true(ok || o->error.fate == WEIR_FATE_POISON);
        refused += !ok;
        weir_arena_free(o->arena);
    }
    assert_in_range(refused, 1, 255);
    o->arena = weir_arena_new(1 << 16);
    o->scratch.limit = 8;
    assert_refused(o, "{}", "larger than the memory");
}

#define FOREIGN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOREIGN(test_json_is_taken_as_it_is),
        FOREIGN(test_json_is_not_unwrapped),
        FOREIGN(test_without_a_key_a_message_is_an_aggregate_of_its_own),
        FOREIGN(test_a_tombstone_has_null_as_data),
        FOREIGN(test_the_type_is_where_it_is_usually_or_where_it_is_said_to_be),
        FOREIGN(test_the_time_is_rfc_3339_or_milliseconds),
        FOREIGN(test_broken_values_are_refused),
        FOREIGN(test_a_key_that_is_no_text_is_refused),
        FOREIGN(test_data_can_be_a_field),
        FOREIGN(test_an_outbox_message_in_every_form),
        FOREIGN(test_an_outbox_envelope),
        FOREIGN(test_what_outbox_messages_may_lack),
        FOREIGN(test_broken_outbox_values_are_refused),
        FOREIGN(test_what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
