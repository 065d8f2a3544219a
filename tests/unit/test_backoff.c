/* Backoff: every wait within its ceiling, the whole range used, no overflow, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "base/backoff.h"

static void test_waits_stay_within_their_ceiling(void **state)
{
    (void)state;
    static const int ceilings[] = {10, 20, 40, 80, 100, 100, 100};
    int highest[7] = {0}, lowest[7];
    for (int i = 0; i < 7; i++)
        lowest[i] = INT_MAX;
    weir_backoff backoff = {.initial_ms = 10, .max_ms = 100, .seed = 42};
    for (int round = 0; round < 2000; round++) {
        weir_backoff_reset(&backoff);
        for (int i = 0; i < 7; i++) {
            int wait = weir_backoff_next(&backoff);
            assert_in_range(wait, 1, ceilings[i]);
            highest[i] = wait > highest[i] ? wait : highest[i];
            lowest[i] = wait < lowest[i] ? wait : lowest[i];
        }
    }
    for (int i = 0; i < 7; i++) { /* full jitter: both ends are reached */
        assert_int_equal(highest[i], ceilings[i]);
        assert_int_equal(lowest[i], 1);
    }
}

static void test_long_faults_do_not_overflow(void **state)
{
    (void)state;
    weir_backoff backoff = {.initial_ms = INT_MAX / 2 + 1, .max_ms = INT_MAX, .seed = 1};
    for (int i = 0; i < 1000; i++)
        assert_in_range(weir_backoff_next(&backoff), 1, INT_MAX);
    backoff = (weir_backoff){.initial_ms = 1, .max_ms = 50, .attempts = UINT_MAX, .seed = 1};
    for (int i = 0; i < 1000; i++)
        assert_in_range(weir_backoff_next(&backoff), 1, 50);
    assert_int_equal(backoff.attempts, UINT_MAX);
}

static void test_initial_above_max_and_zero(void **state)
{
    (void)state;
    weir_backoff backoff = {.initial_ms = 1000, .max_ms = 5, .seed = 1};
    for (int i = 0; i < 100; i++)
        assert_in_range(weir_backoff_next(&backoff), 1, 5);
    backoff = (weir_backoff){.seed = 1};
    assert_int_equal(weir_backoff_next(&backoff), 1);
}

static void test_seeds_itself_differently(void **state)
{
    (void)state;
    int same = 0;
    for (int i = 0; i < 20; i++) {
        weir_backoff a = {.initial_ms = 1000000, .max_ms = 1000000};
        weir_backoff b = a;
        same += weir_backoff_next(&a) == weir_backoff_next(&b);
        assert_true(a.seed != 0);
    }
    assert_true(same < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_stay_within_their_ceiling),
        cmocka_unit_test(test_long_faults_do_not_overflow),
        cmocka_unit_test(test_initial_above_max_and_zero),
        cmocka_unit_test(test_seeds_itself_differently),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
