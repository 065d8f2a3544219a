/* What a checkpoint says was applied: by partition and lane, but for the letters; and where what is
 * new begins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "projections/reach.h"

static weir_event event_of(const char *id, int64_t position)
{
    return (weir_event){.aggregate_type = "user", .aggregate_id = id, .position = position};
}

static bool has(const weir_reach *reach, const char *id, int64_t position)
{
    weir_event event = event_of(id, position);
    return weir_reach_has(reach, &event);
}

static weir_reach_row row(int32_t partition, int32_t lanes, int32_t lane, int64_t position)
{
    return (weir_reach_row){"user", 2, partition, lanes, lane, position};
}

#define REACH(array, most)                                                                         \
    {                                                                                              \
        .rows = (array), .row_count = sizeof(array) / sizeof *(array), .last = most                \
    }

static void test_the_hash_is_kafkas(void **state)
{
    (void)state;
    /* org.apache.kafka.common.utils.UtilsTest.testMurmur2, without the sign */
    assert_int_equal(weir_reach_hash("21"), -973932308 & INT32_MAX);
    assert_int_equal(weir_reach_hash("foobar"), -790332482 & INT32_MAX);
    assert_int_equal(weir_reach_hash("a-little-bit-long-string"), -985981536 & INT32_MAX);
    assert_int_equal(weir_reach_hash("a-little-bit-longer-string"), -1486304829 & INT32_MAX);
    assert_int_equal(weir_reach_hash("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"),
                     -58897971 & INT32_MAX);
    assert_int_equal(weir_reach_hash("abc"), 479470107);
}

static void test_each_partition_has_its_own_position(void **state)
{
    (void)state;
    weir_reach_row rows[] = {row(0, 1, 0, 10), row(1, 1, 0, 20)};
    const weir_reach reach = REACH(rows, 20);
    const int32_t home = weir_reach_hash("u-1") % 2;
    const int64_t most = home == 0 ? 10 : 20;
    assert_true(has(&reach, "u-1", most));
    assert_false(has(&reach, "u-1", most + 1));
    assert_false(has(&(weir_reach){0}, "u-1", 1));
    weir_event other = {.aggregate_type = "order", .aggregate_id = "u-1", .position = 1};
    assert_false(weir_reach_has(&reach, &other));
}

static void test_each_lane_has_its_own_position(void **state)
{
    (void)state;
    weir_reach_row rows[] = {row(0, 3, 0, 1), row(0, 3, 1, 2), row(0, 3, 2, 3),
                             row(1, 3, 0, 4), row(1, 3, 1, 5), row(1, 3, 2, 6)};
    const weir_reach reach = REACH(rows, 6);
    const char *const ids[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const int32_t hash = weir_reach_hash(ids[i]);
        const int64_t most = rows[hash % 2 * 3 + hash / 2 % 3].position;
        assert_true(has(&reach, ids[i], most));
        assert_false(has(&reach, ids[i], most + 1));
    }
}

static void test_letters_are_exceptions(void **state)
{
    (void)state;
    char edited[] = "{}";
    weir_reach_row rows[] = {row(0, 1, 0, 100), row(1, 1, 0, 100)};
    weir_reach_letter letters[] = {{7, NULL, 0}, {9, edited, 2}, {80, NULL, 0}};
    weir_reach reach = REACH(rows, 100);
    reach.letters = letters;
    reach.letter_count = 3;
    assert_true(has(&reach, "u", 6));
    assert_false(has(&reach, "u", 7));
    assert_true(has(&reach, "u", 8));
    assert_true(has(&reach, "u", 9));
    assert_false(has(&reach, "u", 80));
    weir_event event = event_of("u", 9);
    weir_reach_edited(&reach, &event);
    assert_string_equal(event.data, "{}");
    event = event_of("u", 7);
    weir_reach_edited(&reach, &event);
    assert_null(event.data);
}

static void test_what_is_new_begins_at_the_lowest_that_moved(void **state)
{
    (void)state;
    weir_reach_row was[] = {row(0, 1, 0, 10), row(1, 1, 0, 50)};
    weir_reach_row rested[] = {row(0, 1, 0, 10), row(1, 1, 0, 90)};
    weir_reach_row both[] = {row(0, 1, 0, 80), row(1, 1, 0, 90)};
    const weir_reach before = REACH(was, 50), one = REACH(rested, 90), two = REACH(both, 90);
    assert_int_equal(weir_reach_since(&before, &before), 50);
    assert_int_equal(weir_reach_since(&before, &one), 50);
    assert_int_equal(weir_reach_since(&before, &two), 10);
    assert_int_equal(weir_reach_since(&(weir_reach){0}, &one), 0);
}

static void test_lanes_that_change_are_the_partition_still(void **state)
{
    (void)state;
    weir_reach_row was[] = {row(0, 1, 0, 10)};
    weir_reach_row now[] = {row(0, 2, 0, 10), row(0, 2, 1, 30)};
    weir_reach_row again[] = {row(0, 1, 0, 40)};
    const weir_reach one = REACH(was, 10), two = REACH(now, 30), three = REACH(again, 40);
    assert_int_equal(weir_reach_since(&one, &two), 10);
    assert_int_equal(weir_reach_since(&two, &three), 10);
}

static void test_a_letter_that_was_applied_is_read_again(void **state)
{
    (void)state;
    weir_reach_row was[] = {row(0, 1, 0, 50)}, now[] = {row(0, 1, 0, 60)};
    weir_reach_letter letters[] = {{7, NULL, 0}, {20, NULL, 0}};
    weir_reach before = REACH(was, 50), after = REACH(now, 60);
    before.letters = letters;
    before.letter_count = 2;
    after.letters = letters;
    after.letter_count = 2;
    assert_int_equal(weir_reach_since(&before, &after), 50);
    after.letter_count = 1;
    assert_int_equal(weir_reach_since(&before, &after), 19);
}

static void test_what_went_back_was_reset(void **state)
{
    (void)state;
    weir_reach_row was[] = {row(0, 1, 0, 50), row(1, 1, 0, 5)},
                   now[] = {row(0, 1, 0, 49), row(1, 1, 0, 9)};
    weir_reach_row gone[] = {row(1, 1, 0, 9)};
    const weir_reach before = REACH(was, 50), after = REACH(now, 49), less = REACH(gone, 9);
    assert_int_equal(weir_reach_since(&before, &after), -1);
    assert_int_equal(weir_reach_since(&before, &less), -1);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_the_hash_is_kafkas),
        T(test_each_partition_has_its_own_position),
        T(test_each_lane_has_its_own_position),
        T(test_letters_are_exceptions),
        T(test_what_is_new_begins_at_the_lowest_that_moved),
        T(test_lanes_that_change_are_the_partition_still),
        T(test_a_letter_that_was_applied_is_read_again),
        T(test_what_went_back_was_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
