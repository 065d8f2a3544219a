/* CloudEvents headers: all of them in their order, and what metadata becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "producer/cloudevents_int.h"

static weir_event sample(const char *metadata)
{
    weir_event event = {
        .position = 2004,
        .aggregate_type = "user",
        .aggregate_id = "u-4",
        .version = INT64_MAX,
        .type = "user.changed",
        .schema_version = 3,
        .content_type = "application/json",
        .metadata = metadata,
        .metadata_length = strlen(metadata),
        .time_us = 1285960839266000,
        .recorded_at_us = 1795243187681743,
    };
    assert_true(weir_uuid_parse("013b365e-edf6-45e9-afef-347466d69f18", 36, &event.id));
    return event;
}

static const weir_chain chain = {"/weir/user", "235c3de1-7585-41c7-aea3-d21b76e4e5f4", 0};

static void assert_header(const weir_headers *headers, size_t at, const char *name,
                          const char *value)
{
    assert_true(at < headers->count);
    const weir_header *header = &headers->list[at];
    assert_string_equal(header->name, name);
    assert_int_equal(header->name_length, strlen(name));
    assert_int_equal(header->length, strlen(value));
    assert_memory_equal(header->value, value, header->length);
}

static void test_all_headers_in_order(void **state)
{
    (void)state;
    static const char *const expected[][2] = {
        {"ce_specversion", "1.0"},
        {"ce_id", "013b365e-edf6-45e9-afef-347466d69f18"},
        {"ce_source", "/weir/user"},
        {"ce_type", "user.changed"},
        {"ce_time", "2010-10-01T19:20:39.266Z"},
        {"ce_subject", "u-4"},
        {"content-type", "application/json"},
        {"ce_aggregatetype", "user"},
        {"ce_aggregateversion", "9223372036854775807"},
        {"ce_position", "2004"},
        {"ce_prevposition", "0"},
        {"ce_storeid", "235c3de1-7585-41c7-aea3-d21b76e4e5f4"},
        {"ce_schemaversion", "3"},
        {"ce_recordedtime", "2026-11-21T06:39:47.681743Z"},
    };
    weir_headers headers;
    weir_event event = sample("{}");
    size_t count = sizeof expected / sizeof *expected, bytes = 0;
    weir_headers_make(&headers, &event, &chain);
    assert_int_equal(headers.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_header(&headers, i, expected[i][0], expected[i][1]);
        bytes += strlen(expected[i][0]) + strlen(expected[i][1]);
    }
    assert_int_equal(headers.bytes, bytes);
    weir_headers_done(&headers);
}

#define FIXED 14 /* headers that do not come from metadata */

static void test_metadata_of_the_five_texts_needs_no_more(void **state)
{
    (void)state;
    weir_headers headers;
    weir_event event =
        sample("{\"userid\": \"\", \"causationid\": \"b\", \"traceparent\": \"00-ab\", "
               "\"correlationid\": \"\xc3\xa4\", \"tracestate\": \"v=1\"}");
    weir_headers_make(&headers, &event, &chain);
    assert_int_equal(headers.count, FIXED + 5);
    assert_header(&headers, FIXED, "ce_correlationid", "\xc3\xa4");
    assert_header(&headers, FIXED + 1, "ce_causationid", "b");
    assert_header(&headers, FIXED + 2, "ce_userid", "");
    assert_header(&headers, FIXED + 3, "traceparent", "00-ab");
    assert_header(&headers, FIXED + 4, "tracestate", "v=1");
    weir_headers_done(&headers);
}

static void assert_whole(const char *metadata, size_t texts)
{
    weir_headers headers;
    weir_event event = sample(metadata);
    weir_headers_make(&headers, &event, &chain);
    assert_int_equal(headers.count, FIXED + texts + 1);
    assert_header(&headers, FIXED + texts, "ce_metadata", metadata);
    weir_headers_done(&headers);
}

static void test_other_metadata_travels_whole(void **state)
{
    (void)state;
    assert_whole("{\"x\": 1}", 0);
    assert_whole("{\"userid\": 7}", 0);
    assert_whole("{\"userid\": null, \"correlationid\": \"c\"}", 1);
    assert_whole("{\"userid\": \"u\", \"correlationid\": \"c\", \"causationid\": \"a\", "
                 "\"traceparent\": \"t\", \"more\": {\"deep\": [1]}}",
                 4);
    assert_whole("{\"n\": 123456789012345678901234567890, \"userid\": \"u\"}", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_headers_in_order),
        cmocka_unit_test(test_metadata_of_the_five_texts_needs_no_more),
        cmocka_unit_test(test_other_metadata_travels_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
