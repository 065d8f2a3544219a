/* The calls of a transaction grow within their arena, keep their order, and say when it is full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/consumer.h"

static void test_calls_keep_their_order(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_arena *arena = weir_arena_new(1 << 20);
    weir_calls calls = {.arena = arena};
    for (size_t i = 0; i < 1000; i++)
        assert_true(weir_calls_add(&calls, (weir_call){"statement", NULL, (int)i}, i,
                                   i % 2 ? "odd" : NULL, &error));
    assert_int_equal(calls.count, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(calls.calls[i].count, i);
        assert_int_equal(calls.event[i], i);
        assert_true(i % 2 ? strcmp(calls.label[i], "odd") == 0 : calls.label[i] == NULL);
    }
    weir_arena_free(arena);
}

static void test_a_full_arena_asks_for_a_smaller_batch(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_arena *arena = weir_arena_new(10000);
    weir_calls calls = {.arena = arena};
    size_t added = 0;
    while (added < 10000 &&
           weir_calls_add(&calls, (weir_call){"statement", NULL, 0}, added, NULL, &error))
        added++;
    assert_in_range(added, 64, 300);
    assert_int_equal(calls.count, added);
    assert_int_equal(error.fate, WEIR_FATE_RETRY);
    assert_int_equal(calls.event[added - 1], added - 1);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_keep_their_order),
        cmocka_unit_test(test_a_full_arena_asks_for_a_smaller_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
