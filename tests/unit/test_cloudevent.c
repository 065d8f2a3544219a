/* CloudEvents lines: what each attribute becomes, what is refused, and that what is written reads
 * back as the same event. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "store/cloudevent.h"

#define ARENA ((size_t)1024 * 1024)
#define BASE                                                                                       \
    "\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\",\"subject\":\"a\","                  \
    "\"aggregatetype\":\"thing\""
#define UUID "\"id\":\"f7a11bd8-55b8-5d68-bd7d-355415d3b3b6\""

static weir_cloudevent read_line(const char *line, weir_arena *arena)
{
    weir_cloudevent read;
    weir_error error = {0};
    if (!weir_cloudevent_read(line, strlen(line), NULL, arena, &read, &error))
        fail_msg("%s: %s", line, error.message);
    return read;
}

static void assert_data(const weir_cloudevent *read, const char *data)
{
    assert_int_equal(read->event.data_length, strlen(data));
    assert_memory_equal(read->event.data, data, strlen(data));
}

static void test_data_keeps_its_text(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(ARENA);
    weir_cloudevent read =
        read_line("{" BASE "," UUID ",\"data\" : {\"a\":1.50, \"b\":\"]}\"} }", arena);
    assert_data(&read, "{\"a\":1.50, \"b\":\"]}\"}");
    assert_false(read.event.binary);
    assert_string_equal(read.aggregate_type, "thing");
    assert_string_equal(read.aggregate_id, "a");
    assert_string_equal(read.event.type, "t");
    assert_string_equal(read.event.metadata, "{\"source\":\"/s\"}");
    read = read_line("{" BASE "," UUID "}", arena);
    assert_data(&read, "null");
    weir_arena_free(arena);
}

static void test_other_content_becomes_bytes(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(ARENA);
    weir_cloudevent read = read_line(
        "{" BASE "," UUID ",\"datacontenttype\":\"text/plain\",\"data\":\"h\\u00e9\\n\"}", arena);
    assert_true(read.event.binary);
    assert_data(&read, "h\xc3\xa9\n");
    read = read_line("{" BASE "," UUID
                     ",\"datacontenttype\":\"application/msgpack\",\"data\":{\"a\":\"b\"}}",
                     arena);
    assert_true(read.event.binary);
    assert_data(&read, "\x81\xa1"
                       "a\xa1"
                       "b");
    read = read_line("{" BASE "," UUID ",\"data_base64\":\"aGk=\"}", arena);
    assert_true(read.event.binary);
    assert_data(&read, "hi");
    assert_string_equal(read.event.content_type, "application/octet-stream");
    read =
        read_line("{" BASE "," UUID ",\"datacontenttype\":\"a/b+JSON ; x\",\"data\":\"s\"}", arena);
    assert_false(read.event.binary);
    assert_data(&read, "\"s\"");
    weir_arena_free(arena);
}

static void test_an_id_that_is_no_uuid_is_derived_and_kept(void **state)
{
    (void)state;
    char text[WEIR_UUID_TEXT];
    weir_arena *arena = weir_arena_new(ARENA);
    weir_cloudevent read = read_line("{" BASE ",\"id\":\"abc\"}", arena);
    weir_uuid_format(&read.id, text);
    assert_string_equal(text, "bca75170-e9e7-55e6-8075-b5d98f9cf479"); /* Python's uuid5 */
    assert_string_equal(read.event.metadata, "{\"source\":\"/s\",\"ceid\":\"abc\"}");
    weir_arena_free(arena);
}

static void test_extensions_become_metadata(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(ARENA);
    weir_cloudevent read = read_line(
        "{\"specversion\":\"1.0\",\"source\":\"/weir/thing\",\"type\":\"t\",\"subject\":\"a\","
        "\"aggregatetype\":\"thing\"," UUID ",\"userid\":\"u\",\"n\":12345678901234567890,"
        "\"none\":null,\"position\":7,\"metadata\":{\"A\":[1]}}",
        arena);
    assert_string_equal(read.event.metadata,
                        "{\"userid\":\"u\",\"n\":12345678901234567890,\"position\":7,\"A\":[1]}");
    /* a line that a store wrote: its coordinates are not metadata */
    read = read_line("{" BASE "," UUID ",\"storeid\":\"x\",\"position\":7,\"aggregateversion\":2,"
                     "\"recordedtime\":\"y\"}",
                     arena);
    assert_string_equal(read.event.metadata, "{\"source\":\"/s\"}");
    weir_arena_free(arena);
}

static void test_a_wrong_line_says_why(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"{", "bad JSON"},
        {"[]", "not a JSON object"},
        {"{" BASE "}", "\"id\" is missing"},
        {"{" BASE ",\"id\":\"\"}", "\"id\" must not be empty"},
        {"{" BASE ",\"id\":null}", "\"id\" is missing"},
        {"{" BASE ",\"id\":7}", "\"id\" must be a text"},
        {"{\"specversion\":\"0.3\",\"source\":\"/s\",\"type\":\"t\",\"subject\":\"a\"," UUID "}",
         "must be \"1.0\""},
        {"{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"," UUID "}",
         "\"subject\" is missing"},
        {"{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\",\"subject\":\"a\"," UUID "}",
         "--aggregate-type"},
        {"{" BASE "," UUID ",\"time\":\"2020-02-30T00:00:00Z\"}", "\"time\" is not"},
        {"{" BASE "," UUID ",\"data\":1,\"data_base64\":\"\"}", "exclude each other"},
        {"{" BASE "," UUID ",\"data_base64\":\"AB=A\"}", "is not base64"},
        {"{" BASE "," UUID ",\"schemaversion\":1.5}", "whole number from 1"},
        {"{" BASE "," UUID ",\"schemaversion\":0}", "whole number from 1"},
        {"{" BASE "," UUID ",\"data\":1,\"datacontenttype\":\"text/xml\"}", "must be a text"},
        {"{" BASE "," UUID ",\"data\":{\"a\":1,\"a\":1}}", "duplicate"},
        {"{" BASE "," UUID ",\"x\":1,\"metadata\":{\"x\":2}}", "metadata: /x: a duplicate key"},
        {"{" BASE "," UUID ",\"datacontenttype\":\"application/msgpack\",\"data\":[1e-400]}",
         "data as application/msgpack: /0: a double cannot hold"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena *arena = weir_arena_new(ARENA);
        weir_cloudevent read;
        weir_error error = {0};
        assert_false(
            weir_cloudevent_read(cases[i].line, strlen(cases[i].line), NULL, arena, &read, &error));
        if (!strstr(error.message, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].says);
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        weir_arena_free(arena);
    }
}

static void test_a_small_arena_is_an_error(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(64);
    weir_cloudevent read;
    weir_error error = {0};
    const char *line = "{" BASE "," UUID "}";
    assert_false(weir_cloudevent_read(line, strlen(line), NULL, arena, &read, &error));
    assert_non_null(strstr(error.message, "too large"));
    weir_arena_free(arena);
}

/* Everything that metadata can hold comes back, whatever form it had on the line. */
static void test_what_is_written_reads_back(void **state)
{
    (void)state;
    static const struct {
        const char *metadata, *back; /* members may change places */
    } cases[] = {
        {"{}", "{}"},
        {"{\"userid\": \"u\", \"n\": 7}", "{\"userid\":\"u\",\"n\":7}"},
        {"{\"source\": \"/x\"}", "{\"source\":\"/x\"}"},
        {"{\"source\": \"/weir/thing\"}", "{\"source\":\"/weir/thing\"}"},
        {"{\"source\": \"\"}", "{\"source\":\"\"}"},
        {"{\"k\": null, \"A b\": {\"c\": [\"}\"]}, \"f\": 1.5, \"id\": \"x\", \"metadata\": 3}",
         "{\"k\":null,\"A b\":{\"c\": [\"}\"]},\"f\":1.5,\"id\":\"x\",\"metadata\":3}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_arena *arena = weir_arena_new(ARENA);
        weir_buffer line = WEIR_BUFFER(ARENA);
        weir_event event = {.position = 9,
                            .aggregate_type = "thing",
                            .aggregate_id = "a \"b\" \xc3\xa9",
                            .version = 4,
                            .type = "t",
                            .schema_version = 2,
                            .content_type = "application/json",
                            .data = "{\"a\": 1.50}",
                            .data_length = 11,
                            .metadata = cases[i].metadata,
                            .metadata_length = strlen(cases[i].metadata),
                            .time_us = 1286004039266000};
        event.id = weir_uuid_new();
        weir_cloudevent_write(&line, &event, "00000000-0000-4000-8000-000000000000");
        weir_cloudevent read = read_line(line.data, arena);
        assert_memory_equal(&read.id, &event.id, sizeof event.id);
        assert_string_equal(read.aggregate_id, event.aggregate_id);
        assert_string_equal(read.event.time, "2010-10-02T07:20:39.266Z");
        assert_int_equal(read.event.schema_version, 2);
        assert_data(&read, event.data);
        assert_string_equal(read.event.metadata, cases[i].back);
        weir_buffer_free(&line);
        weir_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data_keeps_its_text),
        cmocka_unit_test(test_other_content_becomes_bytes),
        cmocka_unit_test(test_an_id_that_is_no_uuid_is_derived_and_kept),
        cmocka_unit_test(test_extensions_become_metadata),
        cmocka_unit_test(test_a_wrong_line_says_why),
        cmocka_unit_test(test_a_small_arena_is_an_error),
        cmocka_unit_test(test_what_is_written_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
