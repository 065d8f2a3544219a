/* What counts as an answer of a handler in another language, and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "projections/external_answer_int.h"

static weir_arena *arena;

static weir_answer read_answer(const char *line)
{
    weir_answer answer;
    weir_arena_reset(arena);
    weir_answer_read(line, strlen(line), arena, &answer);
    return answer;
}

static void test_answers(void **state)
{
    (void)state;
    assert_int_equal(read_answer("{\"ready\": true}").kind, WEIR_ANSWER_READY);
    assert_int_equal(read_answer(" {\"ready\":true,\"name\":\"mailer\"}\r").kind,
                     WEIR_ANSWER_READY);
    weir_answer answer = read_answer("{\"ok\":true,\"id\":\"a-1\",\"took\":[1,2]}");
    assert_int_equal(answer.kind, WEIR_ANSWER_HANDLED);
    assert_string_equal(answer.id, "a-1");
    answer = read_answer("{\"id\":\"a\",\"error\":\"no \\\"u\\u00e4\\\"\",\"retry\":false}");
    assert_int_equal(answer.kind, WEIR_ANSWER_REFUSED);
    assert_string_equal(answer.error, "no \"u\xc3\xa4\"");
    answer = read_answer("{\"id\":\"a\",\"error\":\"\",\"retry\":true}");
    assert_int_equal(answer.kind, WEIR_ANSWER_LATER);
    assert_string_equal(answer.error, "");
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "ok",
        "true",
        "[]",
        "{}",
        "{\"id\":\"a\"}",
        "{\"ok\":true}",
        "{\"id\":7,\"ok\":true}",
        "{\"id\":\"a\",\"ok\":false}",
        "{\"id\":\"a\",\"ok\":\"true\"}",
        "{\"id\":\"a\",\"ok\":true,\"error\":\"x\"}",
        "{\"id\":\"a\",\"ok\":true,\"retry\":true}",
        "{\"id\":\"a\",\"error\":null}",
        "{\"id\":\"a\",\"error\":{\"code\":1}}",
        "{\"id\":\"a\",\"error\":\"x\",\"retry\":1}",
        "{\"id\":\"a\",\"retry\":true}",
        "{\"ready\":false}",
        "{\"ready\":1}",
        "{\"ready\":true,\"id\":\"a\"}",
        "{\"ready\":true,\"ok\":true,\"id\":\"a\"}",
        "{\"id\":\"a\",\"ok\":true",
        "{\"id\":\"a\",\"ok\":true} {\"id\":\"b\",\"ok\":true}",
        "{\"id\":\"a\",\"id\":\"b\",\"ok\":true}",
        "{'id':'a','ok':True}",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (read_answer(lines[i]).kind != WEIR_ANSWER_NONE)
            fail_msg("%s", lines[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_no_answer),
    };
    arena = weir_arena_new(65536);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    weir_arena_free(arena);
    return failed;
}
