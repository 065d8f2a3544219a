/* A pace: no second has more than it and one burst, whatever the steps of time and of spending. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "producer/pace_int.h"

#define SECOND_US 1000000

/* spend_all uses all room every step_us for so many seconds, from a late start; returns the total.
 */
static int64_t spend_all(weir_pace *pace, int64_t step_us, int64_t seconds)
{
    int64_t total = 0, start = INT64_C(900000) * SECOND_US;
    for (int64_t now = start; now <= start + seconds * SECOND_US; now += step_us) {
        int64_t room = weir_pace_room(pace, now);
        weir_pace_spend(pace, room);
        total += room;
    }
    return total;
}

static void test_no_limit(void **state)
{
    (void)state;
    weir_pace pace = {0};
    weir_pace_spend(&pace, 1000000);
    assert_true(weir_pace_room(&pace, 1) == INT64_MAX);
}

static void test_it_is_kept_and_reached(void **state)
{
    (void)state;
    static const int64_t rates[] = {1, 3, 19, 200, 77777, 1000000000};
    static const int64_t steps[] = {7, 999, 20011};
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            weir_pace pace = {.per_second = rates[r]};
            int64_t total = spend_all(&pace, steps[s], 4);
            int64_t burst = rates[r] / 20 + 1;
            assert_in_range(total, 4 * rates[r] - rates[r] / 10, 4 * rates[r] + burst);
        }
}

static void test_what_was_not_used_is_not_saved_up(void **state)
{
    (void)state;
    weir_pace pace = {.per_second = 1000};
    weir_pace_room(&pace, SECOND_US);
    assert_int_equal(weir_pace_room(&pace, 3600 * (int64_t)SECOND_US), 51);
}

static void test_more_than_the_room_is_paid_off(void **state)
{
    (void)state;
    weir_pace pace = {.per_second = 1000};
    assert_int_equal(weir_pace_room(&pace, SECOND_US), 51);
    weir_pace_spend(&pace, 1051);
    assert_int_equal(weir_pace_room(&pace, 2 * SECOND_US), 0);
    assert_int_equal(weir_pace_room(&pace, 2 * SECOND_US + 10000), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_it_is_kept_and_reached),
        cmocka_unit_test(test_what_was_not_used_is_not_saved_up),
        cmocka_unit_test(test_more_than_the_room_is_paid_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
