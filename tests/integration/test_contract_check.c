/* The contract of refusal: one table of events and names that no store takes, refused with the same
 * words by both; and what is taken comes out the same. */
#include <limits.h>

#include "tests/integration/contract_fixture.h"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define REFUSED "event 1 of 1 for user/u1 is refused: "
#define TYPE REFUSED "\"type\" must have 1 to 200 bytes and no control characters"
#define MEDIA REFUSED "\"datacontenttype\" must be a media type"
#define TIME REFUSED "\"time\" is not an RFC 3339 time"
#define VERSION REFUSED "\"schemaversion\" must be a whole number from 1"
#define NOT_JSON REFUSED "\"data\" is JSON: other content goes to \"data_base64\""
#define IS_JSON REFUSED "\"data_base64\" is for content that is not JSON: JSON goes to \"data\""
#define METADATA REFUSED "\"metadata\" must be a JSON object"
#define RESERVED                                                                                   \
    REFUSED "types that begin with \"weir.\" are reserved; the only one is \"weir.tombstone\""
#define TOMBSTONE                                                                                  \
    REFUSED "the \"data\" of a tombstone must be null: its reason goes to \"metadata\""
#define INDEXED                                                                                    \
    REFUSED                                                                                        \
    "\"correlationid\", \"causationid\" and \"userid\" in \"metadata\" may have 256 bytes "        \
    "each: they are indexed"
#define NAME(text)                                                                                 \
    "invalid aggregate type '" text "': It must have 1 to 100 letters, digits, \"_\", \".\" or "   \
    "\"-\", since it names a topic."
#define ID_RULE ": It must have 1 to 256 bytes and no control characters."
#define UTF8 "invalid byte sequence for encoding \"UTF8\""

/* What is not given is good: an event of type "t" with data 1 for user/u1. */
static const struct {
    const char *message; /* how it begins; NULL: it is taken */
    const char *sqlstate;
    const char *aggregate_type, *aggregate_id;
    int64_t expected;
    weir_new_event event;
} table[] = {
    {TYPE, "WV002", .event = {.type = ""}},
    {NULL, .event = {.type = HUNDRED HUNDRED}},
    {TYPE, "WV002", .event = {.type = HUNDRED HUNDRED "x"}},
    {TYPE, "WV002", .event = {.type = "a\tb"}},
    {TYPE, "WV002", .event = {.type = "a\x7f"}},
    {TYPE, "WV002", .event = {.type = "a\xc2\x85"}},
    {NULL, .event = {.type = "\xc2\xa0\xf0\x9f\x98\x80"}},
    {UTF8, "22021", .event = {.type = "a\xff"}},
    {UTF8, "22021", .event = {.type = "\xed\xa0\x80"}},
    {UTF8, "22021", .aggregate_type = "\xc3"},
    {UTF8, "22021", .aggregate_id = "a\xc0\xaf"},
    {RESERVED, "WV002", .event = {.type = "weir."}},
    {RESERVED, "WV002", .event = {.type = "weir.tombstones"}},
    {NULL, .event = {.type = "weirdo.tombstone"}},
    {TOMBSTONE, "WV002", .event = {.type = WEIR_TOMBSTONE, .data = "{}"}},
    {TOMBSTONE, "WV002",
     .event = {.type = WEIR_TOMBSTONE, .data = "null", .binary = true, .content_type = "x/y"}},
    {METADATA, "WV002", .event = {.type = WEIR_TOMBSTONE, .data = " null ", .metadata = "[]"}},
    {NULL,
     .event = {.metadata = "{\"userid\": \"" HUNDRED HUNDRED TEN TEN TEN TEN TEN "123456\"}"}},
    {INDEXED, "WV002",
     .event = {.metadata = "{\"userid\": \"" HUNDRED HUNDRED TEN TEN TEN TEN TEN "1234567\"}"}},
    {INDEXED, "WV002",
     .event = {.metadata = "{\"causationid\": [\"" HUNDRED HUNDRED TEN TEN TEN TEN TEN "123\"]}"}},
    {NULL, .event = {.metadata = "{\"a\": {\"userid\": \"" HUNDRED HUNDRED HUNDRED "\"}}"}},
    {NAME(""), "WV002", .aggregate_type = ""},
    {NAME("a b"), "WV002", .aggregate_type = "a b"},
    {NAME("it''s"), "WV002", .aggregate_type = "it's"},
    {NAME("a/b"), "WV002", .aggregate_type = "a/b"},
    {NAME("\xc3\xa9"), "WV002", .aggregate_type = "\xc3\xa9"},
    {NAME("a\n"), "WV002", .aggregate_type = "a\n"},
    {NAME(HUNDRED "x"), "WV002", .aggregate_type = HUNDRED "x"},
    {"invalid aggregate type E'a\\\\b'", "WV002", .aggregate_type = "a\\b"},
    {NULL, .aggregate_type = HUNDRED},
    {NULL, .aggregate_type = "Az_.-09"},
    {"invalid aggregate id ''" ID_RULE, "WV002", .aggregate_id = ""},
    {"invalid aggregate id 'a\x1f'" ID_RULE, "WV002", .aggregate_id = "a\x1f"},
    {"invalid aggregate id '\xc2\x9f'" ID_RULE, "WV002", .aggregate_id = "\xc2\x9f"},
    {"invalid aggregate id '" HUNDRED HUNDRED TEN TEN TEN TEN TEN "1234567'" ID_RULE, "WV002",
     .aggregate_id = HUNDRED HUNDRED TEN TEN TEN TEN TEN "1234567"},
    {NULL, .aggregate_id = HUNDRED HUNDRED TEN TEN TEN TEN TEN "123456"},
    {NULL, .aggregate_id = "' OR 1=1; -- \\ \xe2\x82\xac %s"},
    {"invalid expected version -2: n >= 0: exactly n (0: must not exist), -1: must exist, NULL: "
     "any.",
     "WV002", .expected = -2},
    {"invalid expected version", "WV002", .expected = INT64_MIN + 1},
    {NULL, .event = {.content_type = "application/json"}},
    {NULL, .event = {.content_type = "application/ld+JSON ; charset=utf-8"}},
    {NOT_JSON, "WV002", .event = {.content_type = "text/plain"}},
    {NOT_JSON, "WV002", .event = {.content_type = "json"}},
    {NOT_JSON, "WV002", .event = {.content_type = "/json"}},
    {NOT_JSON, "WV002", .event = {.content_type = "x/jsonx"}},
    {NOT_JSON, "WV002", .event = {.content_type = "text/plain; a=b/json"}},
    {MEDIA, "WV002", .event = {.content_type = ""}},
    {MEDIA, "WV002", .event = {.content_type = " application/json"}},
    {MEDIA, "WV002", .event = {.content_type = "application/\xc3\xa9+json"}},
    {MEDIA, "WV002", .event = {.content_type = "application/json;" HUNDRED HUNDRED}},
    {IS_JSON, "WV002", .event = {.binary = true, .content_type = "application/json"}},
    {IS_JSON, "WV002", .event = {.binary = true, .content_type = "text/json;x"}},
    {NULL, .event = {.binary = true, .content_type = "text/plain; a=b/json"}},
    {MEDIA, "WV002", .event = {.binary = true, .content_type = "a\x7f"}},
    {"event 1 of 1 for user/u1: binary data needs a content type", "", .event = {.binary = true}},
    {METADATA, "WV002", .event = {.metadata = "[]"}},
    {METADATA, "WV002", .event = {.metadata = "null"}},
    {METADATA, "WV002", .event = {.metadata = " \"{\""}},
    {NULL, .event = {.metadata = " {} "}},
    {"event 1 of 1 for user/u1: metadata: bad JSON", "", .event = {.metadata = "{"}},
    {"event 1 of 1 for user/u1: data: bad JSON", "", .event = {.data = "{"}},
    {"event 1 of 1 for user/u1: data: bad JSON", "", .event = {.data = ""}},
    {"event 1 of 1 for user/u1: data: /a: a duplicate key", "",
     .event = {.data = "{\"a\":1,\"a\":1}"}},
    {"event 1 of 1 for user/u1: data: /0: the number is out", "", .event = {.data = "[1e999]"}},
    {TIME, "WV002", .event = {.time = ""}},
    {TIME, "WV002", .event = {.time = "now"}},
    {TIME, "WV002", .event = {.time = "2020-02-30T00:00:00Z"}},
    {TIME, "WV002", .event = {.time = "2021-02-29T00:00:00Z"}},
    {TIME, "WV002", .event = {.time = "0000-01-01T00:00:00Z"}},
    {TIME, "WV002", .event = {.time = "0001-01-01T12:00:00Z"}},
    {TIME, "WV002", .event = {.time = "9999-12-31T00:00:00Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T24:00:00Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:61Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00"}},
    {TIME, "WV002", .event = {.time = "2020-01-01 00:00:00Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00.Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00,5Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00.5"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00+0100"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00+24:00"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00Zx"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00Z\n"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00+16:00"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00-23:59"}},
    {TIME, "WV002", .event = {.time = "2016-12-31T23:59:60.5Z"}},
    {TIME, "WV002", .event = {.time = "2020-01-01T00:00:00." TEN TEN TEN TEN "Z"}},
    {NULL, .event = {.time = "2020-01-01T00:00:00." TEN TEN TEN "012345678Z"}},
    {NULL, .event = {.time = "2016-12-31T23:59:60.000-15:59"}},
    {NULL, .event = {.time = "2020-02-29t23:59:59.999999999z"}},
    {NULL, .event = {.time = "0001-01-02T00:00:00+15:59"}},
    {VERSION, "WV002", .event = {.schema_version = -1}},
    {VERSION, "WV002", .event = {.schema_version = 1000000000}},
    {VERSION, "WV002", .event = {.schema_version = INT32_MIN}},
    {NULL, .event = {.schema_version = 999999999}},
};

static void both_refuse_the_same_with_the_same_words(void **state)
{
    contract *c = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        weir_error error = {0};
        weir_new_event event = table[i].event;
        const char *type = table[i].aggregate_type ? table[i].aggregate_type : "user";
        const char *id = table[i].aggregate_id ? table[i].aggregate_id : "u1";
        event.type = event.type ? event.type : "t";
        event.data = event.data ? event.data : "1";
        event.data_length = strlen(event.data);
        int64_t version = append_one(
            c, type, id, table[i].expected ? table[i].expected : WEIR_ANY_VERSION, event, &error);
        if ((version > 0) != (table[i].message == NULL))
            fail_msg("row %zu: %s", i, version > 0 ? "was taken" : error.message);
        if (version > 0)
            continue;
        if (strncmp(error.message, table[i].message, strlen(table[i].message)) != 0)
            fail_msg("row %zu: %s", i, error.message);
        assert_string_equal(error.sqlstate, table[i].sqlstate);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
    }
}

/* Whether data of so many open brackets around `inner` is taken. */
static bool takes_nested(contract *c, int levels, const char *inner, weir_error *error)
{
    char *data = weir_malloc((size_t)levels * 2 + strlen(inner) + 1);
    memset(data, '[', (size_t)levels);
    strcpy(data + levels, inner);
    memset(data + levels + strlen(inner), ']', (size_t)levels);
    data[(size_t)levels * 2 + strlen(inner)] = '\0';
    bool taken = append_one(c, "user", "u1", WEIR_ANY_VERSION, json_event("t", data), error) > 0;
    free(data);
    return taken;
}

static void the_limit_on_depth_counts_the_same_levels(void **state)
{
    contract *c = *state;
    weir_error error;
    assert_true(takes_nested(c, 2046, "\"[[[\\\"[[[\"", &error));
    assert_true(takes_nested(c, 2047, "", &error));
    assert_false(takes_nested(c, 2047, "1", &error));
    assert_string_equal(error.message, REFUSED "it is nested deeper than 2048 levels");
    assert_string_equal(error.sqlstate, "WV002");
    assert_false(takes_nested(c, 2048, "", &error));
    assert_string_equal(error.sqlstate, "WV002");
    assert_false(takes_nested(c, 2049, "", &error));
    assert_string_equal(error.sqlstate, ""); /* refused as JSON already */
}

/* The largest text of data whose event is within the limit, and one byte more. */
static void the_limit_on_an_event_counts_the_same_bytes(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event event = json_event("a\"b\\c", "");
    event.metadata = "{\"b\":1e2,\"a\":\"\\u00e9\"}"; /* {"a": "é", "b": 100} */
    event.time = "2020-01-01T00:00:00Z";
    event.content_type = "application/json";
    event.schema_version = 12;
    size_t least = 899000, most = 900000;
    char *data = weir_malloc(most + 1);
    memset(data, 'x', most);
    data[0] = '"';
    event.data = data;
    while (most - least > 1) {
        event.data_length = (least + most) / 2;
        data[event.data_length - 1] = '"';
        bool taken = append_one(c, "user", "u1", WEIR_ANY_VERSION, event, &error) > 0;
        data[event.data_length - 1] = 'x';
        *(taken ? &least : &most) = event.data_length;
    }
    assert_int_equal(least, 899798);
    assert_string_equal(error.sqlstate, "WV002");
    free(data);
}

static void the_limit_on_metadata_counts_its_normal_form(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_new_event event = json_event("t", "1");
    size_t blanks = 70000, text = 65536 - strlen("{\"k\": \"\"}");
    char *metadata = weir_malloc(blanks + text + 16);
    memset(metadata, ' ', blanks);
    strcpy(metadata + blanks, "{\"k\":\"");
    memset(metadata + blanks + 6, 'x', text);
    strcpy(metadata + blanks + 6 + text, "\"}");
    event.metadata = metadata;
    assert_int_equal(append_one(c, "user", "u1", 0, event, &error), 1);
    strcpy(metadata + blanks + 6 + text, "x\"}");
    assert_int_equal(append_one(c, "user", "u1", 1, event, &error), -1);
    assert_string_equal(error.message,
                        REFUSED "\"metadata\" may have 64 KiB: part of it travels twice");
    free(metadata);
}

struct stored {
    char *data;
    weir_event event;
};

static bool keep(void *context, const weir_event *event, weir_error *error)
{
    (void)error;
    struct stored *stored = context;
    assert_null(stored->data);
    stored->data = weir_malloc(event->data_length + 1);
    memcpy(stored->data, event->data, event->data_length + 1); /* NUL-terminated */
    stored->event = *event;
    return true;
}

static struct stored last_of(contract *c, const char *id)
{
    weir_error error;
    struct stored stored = {0};
    weir_read last = {.aggregate_type = "user", .aggregate_id = id, .backwards = true, .limit = 1};
    assert_ok(weir_store_read(c->store, &last, keep, &stored, &error));
    assert_non_null(stored.data);
    return stored;
}

static void json_comes_back_in_one_form(void **state)
{
    contract *c = *state;
    static const char *const forms[][2] = {
        {"{\"bb\":1,\"a\":2,\"c\":{\"y\":[],\"x\":{}}}",
         "{\"a\": 2, \"c\": {\"x\": {}, \"y\": []}, \"bb\": 1}"},
        {" [ 1 , 2.50 , -0 , 1e3, 1.5E-3, -0.00, 12e-1, 120e-1, 0e5, 0.0e-2, 1.20e1, 100e-2 ] ",
         "[1, 2.50, 0, 1000, 0.0015, 0.00, 1.2, 12.0, 0, 0.000, 12.0, 1.00]"},
        {"[123456789012345678901234567890.123456789012345678901234567890, -1.0e+0, 0.1e1]",
         "[123456789012345678901234567890.123456789012345678901234567890, -1.0, 1]"},
        {"\"\\u00e9\\/\\u001f\\u007f\\t\\\"\\\\\\ud83d\\ude00\"",
         "\"\xc3\xa9/\\u001f\x7f\\t\\\"\\\\\xf0\x9f\x98\x80\""},
        {"{\"\\u00e9\": null, \"zz\": true, \"\": false}",
         "{\"\": false, \"zz\": true, \"\xc3\xa9\": null}"},
        {"\"\"", "\"\""},
        {"null", "null"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        given(c, "user", "u1", json_event("t", forms[i][0]));
        struct stored stored = last_of(c, "u1");
        assert_string_equal(stored.data, forms[i][1]);
        free(stored.data);
    }
}

static void every_part_of_an_event_comes_back(void **state)
{
    contract *c = *state;
    weir_error error;
    weir_uuid id = id_number(1);
    weir_new_event e = {.type = "user.photographed",
                        .data = "\x89PNG\r\n\x1a\n\x00",
                        .data_length = 9,
                        .binary = true,
                        .content_type = "image/png",
                        .id = &id,
                        .metadata = "{\"userid\":\"ada\",\"b\":1}",
                        .time = "2024-02-29T12:00:00.1234567+01:00",
                        .schema_version = 3};
    int64_t before = weir_clock_now_us();
    assert_int_equal(append_one(c, "user", "u1", 0, e, &error), 1);
    struct stored stored = last_of(c, "u1");
    weir_event *event = &stored.event;
    assert_true(event->binary);
    assert_int_equal(event->data_length, 9);
    assert_memory_equal(stored.data, "\x89PNG\r\n\x1a\n\x00", 9);
    assert_memory_equal(&event->id, &id, sizeof id);
    assert_int_equal(event->version, 1);
    assert_int_equal(event->schema_version, 3);
    assert_int_equal(event->time_us, INT64_C(1709204400123457));
    assert_in_range((uintmax_t)event->recorded_at_us, (uintmax_t)before - 1000000,
                    (uintmax_t)weir_clock_now_us() + 1000000);
    free(stored.data);
}

static bool texts(void *context, const weir_event *event, weir_error *error)
{
    (void)error;
    snprintf(context, 256, "%s %s %s %d %s %d", event->type, event->content_type, event->metadata,
             event->schema_version, event->data, event->binary);
    assert_int_equal(event->metadata_length, strlen(event->metadata));
    return true;
}

static void what_is_not_given_has_a_default(void **state)
{
    contract *c = *state;
    weir_error error;
    char text[256];
    given(c, "user", "u1", json_event("t", "{\"a\":1}"));
    assert_ok(weir_store_read(c->store, &(weir_read){0}, texts, text, &error));
    assert_string_equal(text, "t application/json {} 1 {\"a\": 1} 0");
    struct stored stored = last_of(c, "u1");
    assert_int_not_equal(stored.event.id.bytes[0] | stored.event.id.bytes[15], 0);
    assert_true(llabs(stored.event.time_us - stored.event.recorded_at_us) < 1000000);
    free(stored.data);
}

static void a_leap_second_is_the_first_of_the_next_minute(void **state)
{
    contract *c = *state;
    weir_new_event e = json_event("t", "1");
    e.time = "2016-12-31T23:59:60Z";
    given(c, "user", "u1", e);
    struct stored stored = last_of(c, "u1");
    assert_int_equal(stored.event.time_us, INT64_C(1483228800000000));
    free(stored.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(both_refuse_the_same_with_the_same_words),
        CONTRACT(the_limit_on_an_event_counts_the_same_bytes),
        CONTRACT(the_limit_on_depth_counts_the_same_levels),
        CONTRACT(the_limit_on_metadata_counts_its_normal_form),
        CONTRACT(json_comes_back_in_one_form),
        CONTRACT(every_part_of_an_event_comes_back),
        CONTRACT(what_is_not_given_has_a_default),
        CONTRACT(a_leap_second_is_the_first_of_the_next_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
