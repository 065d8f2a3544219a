/* What one document has and another lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/json_paths.h"

static void test_vanished_fields(void **state)
{
    (void)state;
    static const struct {
        const char *before, *after, *gone; /* joined with a blank */
    } rows[] = {
        {"{\"a\": 1}", "{\"a\": 2}", ""},
        {"{\"a\": 1, \"b\": 2}", "{\"b\": 2}", "a "},
        {"{\"a\": {\"b\": 1, \"c\": {\"d\": 1}}}", "{\"a\": {\"b\": 1}}", "a.c "},
        {"{\"a\": {\"b\": 1}, \"ab\": 1}", "{}", "a ab "},
        {"{\"l\": [{\"x\": 1}, {\"y\": 2}, {\"x\": 3}]}", "{\"l\": [{\"y\": 2}]}", "l[].x "},
        {"{\"a.b\": 1, \"a\": {\"b\": 2}}", "{\"a\": {\"b\": 2}}", "a\\.b "},
        {"{\"\\u0061\": 1}", "{\"a\": 1}", ""},
        {"[{\"a\": 1}]", "[]", "[].a "},
        {"7", "8", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char joined[200] = "";
        weir_arena *arena = weir_arena_new(1 << 20);
        const char **gone =
            weir_json_vanished((weir_slice){rows[i].before, strlen(rows[i].before)},
                               (weir_slice){rows[i].after, strlen(rows[i].after)}, arena);
        for (; *gone; gone++) {
            strcat(joined, *gone);
            strcat(joined, " ");
        }
        assert_string_equal(joined, rows[i].gone);
        weir_arena_free(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vanished_fields)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
