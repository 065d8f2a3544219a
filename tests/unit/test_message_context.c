/* The metadata that goes through a chain of causes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/message_context.h"

#define ID "0190a0b0-0000-7000-8000-000000000001"

static void expect(const weir_message_context *context, const char *own, const char *wanted)
{
    weir_error error = {0};
    weir_buffer metadata = WEIR_BUFFER(4096);
    assert_true(weir_context_metadata(context, own, &metadata, &error));
    assert_string_equal(metadata.data, wanted);
    weir_buffer_free(&metadata);
}

static void metadata_is_the_contexts_where_the_event_says_nothing(void **state)
{
    (void)state;
    weir_message_context context = {"c-\"1\"", NULL, "ada\n", "00-1"};
    expect(NULL, NULL, "{}");
    expect(NULL, " { } ", "{}");
    expect(&context, NULL,
           "{\"correlationid\":\"c-\\\"1\\\"\",\"userid\":\"ada\\n\",\"traceparent\":\"00-1\"}");
    expect(&context, "{\"userid\": \"bob\", \"n\": 12345678901234567890}",
           "{\"correlationid\":\"c-\\\"1\\\"\",\"traceparent\":\"00-1\","
           "\"userid\": \"bob\", \"n\": 12345678901234567890}");
    expect(NULL, "{\"userid\": null}", "{\"userid\": null}");
    expect(&(weir_message_context){.user_id = "ada"}, "{\"userid\": null}", "{\"userid\": null}");
}

static void metadata_that_is_no_object_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"[]", "\"{\"", "{", "{\"a\": 1, \"a\": 2}", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        weir_error error = {0};
        weir_buffer metadata = WEIR_BUFFER(4096);
        assert_false(weir_context_metadata(NULL, bad[i], &metadata, &error));
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        weir_buffer_free(&metadata);
    }
}

static weir_event event_with(const char *metadata)
{
    weir_event event = {.metadata = metadata, .metadata_length = strlen(metadata)};
    assert_true(weir_uuid_parse(ID, 36, &event.id));
    return event;
}

static void an_event_causes_and_its_correlation_goes_on(void **state)
{
    (void)state;
    weir_event event = event_with("{\"correlationid\": \"c\", \"causationid\": \"x\","
                                  " \"userid\": \"ada\", \"traceparent\": \"00-1\"}");
    weir_message_context *context = weir_context_caused_by(&event);
    assert_string_equal(context->causation_id, ID);
    assert_string_equal(context->correlation_id, "c");
    assert_string_equal(context->user_id, "ada");
    assert_string_equal(context->traceparent, "00-1");
    free(context);
    event = event_with("{\"userid\": 7}");
    context = weir_context_caused_by(&event);
    assert_string_equal(context->correlation_id, ID);
    assert_null(context->user_id);
    free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metadata_is_the_contexts_where_the_event_says_nothing),
        cmocka_unit_test(metadata_that_is_no_object_is_refused),
        cmocka_unit_test(an_event_causes_and_its_correlation_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
