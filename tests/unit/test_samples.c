/* Samples through upcasters alone: what is found, how often, and where first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/samples.h"

static const char rules[] = "user.registered:\n"
                            "  - { from: 1, to: 2, rename: { mail: email }, drop: [ never ] }\n"
                            "  - { from: 3, to: 4, convert: { age: integer } }\n"
                            "user.moved: [ { from: 1, to: 2 } ]\n";

/* Keeps the email alone. */
static bool forgetful(void *context, const weir_event *event, weir_buffer *data, weir_error *error)
{
    (void)context, (void)error;
    bool has_age = strstr(event->data, "\"age\": \"x\"") != NULL;
    weir_buffer_text(data, has_age ? "{\"email\": 1, \"age\": \"x\"}" : "{\"email\": 1}");
    return true;
}

static weir_upcasters *make(void)
{
    weir_error error = {0};
    weir_upcasters *upcasters = weir_upcasters_new();
    if (!weir_upcasters_parse(upcasters, "s.yaml", rules, strlen(rules), &error) ||
        !weir_upcasters_add(upcasters, "user.registered", 2, 3, forgetful, NULL, &error) ||
        !weir_upcasters_check(upcasters, &error))
        fail_msg("%s", error.message);
    return upcasters;
}

static void try(weir_samples *samples, int64_t number, const char *type, int version,
                const char *data)
{
    weir_error error = {0};
    char *line = weir_format("{\"specversion\": \"1.0\", \"id\": \"%d\", \"source\": \"/s\", "
                             "\"type\": \"%s\", \"subject\": \"u\", \"aggregatetype\": \"user\", "
                             "\"schemaversion\": %d, \"data\": %s}",
                             (int)number, type, version, data);
    assert_true(weir_samples_try(samples, line, strlen(line), number, &error));
    free(line);
}

static void expect(const weir_finding *at, weir_finding_kind kind, const char *type, int64_t line,
                   int64_t count, const char *where, const char *why)
{
    assert_int_equal(at->kind, kind);
    assert_string_equal(at->type ? at->type : "none", type);
    assert_int_equal(at->line, line);
    assert_int_equal(at->count, count);
    assert_string_equal(at->where, where);
    if (!strstr(at->why, why))
        fail_msg("'%s' lacks '%s'", at->why, why);
}

static void test_findings(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_upcasters *upcasters = make();
    weir_samples samples;
    weir_samples_open(&samples, upcasters);
    try(&samples, 1, "user.registered", 1, "{\"mail\": 1, \"name\": {\"first\": 1}}");
    try(&samples, 2, "user.registered", 2, "{\"email\": 1, \"name\": 2}");
    try(&samples, 3, "user.registered", 2, "{\"email\": 1, \"age\": \"x\"}");
    try(&samples, 4, "user.registered", 1, "{\"mail\": 1, \"email\": 1}");
    try(&samples, 5, "user.registered", 9, "{}");
    try(&samples, 6, "user.registered", 9, "{}");
    try(&samples, 7, "user.other", 9, "[1]");
    assert_true(weir_samples_try(&samples, "{\"a\":", 5, 8, &error));
    weir_samples_end(&samples);
    const weir_finding *at = samples.findings;
    assert_int_equal(samples.finding_count, 7);
    expect(at++, WEIR_FINDING_VANISHED, "user.registered", 1, 2, "2 to 3 (a C function)",
           "'name' is not there afterwards");
    expect(at++, WEIR_FINDING_FAILED, "user.registered", 3, 1, "3 to 4 (s.yaml:3)",
           "'age' cannot become a whole number");
    expect(at++, WEIR_FINDING_FAILED, "user.registered", 4, 1, "1 to 2 (s.yaml:2)",
           "'email' is there already");
    expect(at++, WEIR_FINDING_NEWER, "user.registered", 5, 2, "version 9", "newer than 4");
    expect(at++, WEIR_FINDING_FAILED, "none", 8, 1, "reading the line", "column 6");
    expect(at++, WEIR_FINDING_UNUSED, "user.moved", 0, 0, "1 to 2 (s.yaml:4)",
           "no sample took this link");
    expect(at++, WEIR_FINDING_UNUSED, "user.registered", 0, 0, "1 to 2 (s.yaml:2)",
           "drop never: no sample has 'never'");
    assert_int_equal(samples.events, 8);
    assert_int_equal(samples.upcasts, 2);
    assert_int_equal(samples.failing, 5);
    weir_samples_close(&samples);
    weir_upcasters_free(upcasters);
}

static void test_one_event_type(void **state)
{
    (void)state;
    weir_upcasters *upcasters = make();
    weir_samples samples;
    weir_samples_open(&samples, upcasters);
    samples.event_type = "user.moved";
    try(&samples, 1, "user.registered", 9, "{}");
    try(&samples, 2, "user.moved", 1, "{}");
    weir_samples_end(&samples);
    assert_int_equal(samples.finding_count, 0);
    assert_int_equal(samples.events, 1);
    assert_int_equal(samples.upcasts, 1);
    weir_samples_close(&samples);
    weir_upcasters_free(upcasters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_findings),
                                       cmocka_unit_test(test_one_event_type)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
