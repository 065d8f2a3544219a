/* Which event types a pattern stands for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/pattern.h"

static void a_pattern_stands_for_itself_or_for_what_begins_so(void **state)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } cases[] = {{"order.paid", "order.paid", true},
                 {"order.paid", "order.paid2", false},
                 {"order.paid", "order.pai", false},
                 {"order.*", "order.paid", true},
                 {"order.*", "order.item.added", true},
                 {"order.*", "order.", true},
                 {"order.*", "order", false},
                 {"order.*", "orders.paid", false},
                 {"ord*", "order", true},
                 {"*", "order.paid", true},
                 {"*", "", true},
                 {"Order.*", "order.paid", false}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(weir_pattern_fits(cases[i].pattern, cases[i].name), cases[i].fits);
    assert_true(weir_pattern_is_prefix("order.*"));
    assert_false(weir_pattern_is_prefix("order."));
    assert_false(weir_pattern_is_prefix(""));
}

static void what_is_no_pattern_is_refused(void **state)
{
    char longest[WEIR_PATTERN_MOST + 2];
    weir_error error;
    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[WEIR_PATTERN_MOST + 1] = '\0';
    static const char *const refused[] = {"", "*.paid", "order.*.paid", "**"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_false(weir_pattern_check(refused[i], &error));
        assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    }
    assert_string_equal(error.message, "'**': a '*' may stand at the end of a pattern only");
    assert_false(weir_pattern_check(longest, &error));
    assert_string_equal(error.message, "an event type has at most 200 bytes");
    assert_true(weir_pattern_check(longest + 1, &error));
    assert_true(weir_pattern_check("*", &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_stands_for_itself_or_for_what_begins_so),
        cmocka_unit_test(what_is_no_pattern_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
