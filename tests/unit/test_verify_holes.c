/* The holes of a partition: ranges of what was not met, split by what comes late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producer/verify_holes_int.h"

static void what_was_lost_together_is_one_range(void **state)
{
    (void)state;
    weir_holes holes = {0};
    size_t room = 10;
    assert_true(weir_holes_add(&holes, 4, 2, &room));
    assert_true(weir_holes_add(&holes, 9, 4, &room));
    assert_true(weir_holes_add(&holes, 12, 11, &room));
    assert_int_equal(holes.count, 2);
    assert_int_equal(holes.list[0].before, 2);
    assert_int_equal(holes.list[0].first, 4);
    assert_int_equal(holes.list[0].last, 9);
    assert_int_equal(holes.list[1].first, 12);
    assert_int_equal(room, 8);
    weir_holes_free(&holes);
}

static void without_room_a_range_still_grows(void **state)
{
    (void)state;
    weir_holes holes = {0};
    size_t room = 1;
    assert_true(weir_holes_add(&holes, 1, 0, &room));
    assert_true(weir_holes_add(&holes, 2, 1, &room));
    assert_false(weir_holes_add(&holes, 9, 8, &room));
    assert_false(weir_holes_take(&holes, 9));
    weir_holes_free(&holes);
}

static void a_range_is_split_by_what_comes_late(void **state)
{
    (void)state;
    weir_holes holes = {0};
    size_t room = 9;
    for (int64_t position = 10; position <= 50; position += 10)
        assert_true(weir_holes_add(&holes, position, position - 10, &room));
    assert_true(weir_holes_take(&holes, 30));
    assert_false(weir_holes_take(&holes, 30));
    assert_true(weir_holes_take(&holes, 10));
    assert_true(weir_holes_take(&holes, 50));
    assert_true(weir_holes_take(&holes, 20));
    assert_false(weir_holes_take(&holes, 60));
    assert_true(weir_holes_take(&holes, 40));
    assert_false(weir_holes_take(&holes, 40));
    weir_holes_free(&holes);
}

/* Any order of adding and taking, against one flag an event. */
static void ranges_are_the_set_that_they_stand_for(void **state)
{
    enum {
        EVENTS = 200
    };
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++) {
        bool missing[EVENTS + 1] = {false};
        weir_holes holes = {0};
        size_t room = SIZE_MAX;
        srand(seed);
        for (int64_t event = 1; event <= EVENTS; event++) {
            if (rand() % 3 != 0) {
                assert_true(weir_holes_add(&holes, event, event - 1, &room));
                missing[event] = true;
            }
            int64_t late = 1 + rand() % event;
            assert_int_equal(weir_holes_take(&holes, late), missing[late]);
            missing[late] = false;
        }
        for (size_t i = 0; i < holes.count; i++)
            assert_true(i == 0 || holes.list[i].first > holes.list[i - 1].last);
        for (int64_t event = 1; event <= EVENTS; event++)
            assert_int_equal(weir_holes_take(&holes, event), missing[event]);
        weir_holes_free(&holes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_lost_together_is_one_range),
        cmocka_unit_test(without_room_a_range_still_grows),
        cmocka_unit_test(a_range_is_split_by_what_comes_late),
        cmocka_unit_test(ranges_are_the_set_that_they_stand_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
