/* Tails: which offsets are looked at, and what is concluded from records, markers and gaps. A test
 * describes a partition as a list of records and lets the tail read it the way a consumer would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producer/tail_int.h"

#define STORE "235c3de1-7585-41c7-aea3-d21b76e4e5f4"
#define OTHER "00000000-0000-4000-8000-000000000000"
#define MARKER (-1) /* an offset without a record */
#define FOREIGN (-2)

/* A partition: what lies at offset low + i is records[i], a position, MARKER or FOREIGN. */
typedef struct partition_log {
    int64_t low;
    const int64_t *records;
    int64_t count;
} partition_log;

static int ranges; /* read by the last find */

static void show(weir_tail *tail, int64_t offset, int64_t position)
{
    char number[24], id[WEIR_UUID_TEXT];
    weir_error error;
    snprintf(number, sizeof number, "%lld", (long long)position);
    snprintf(id, sizeof id, "00000000-0000-4000-8000-%012lld", (long long)position);
    weir_tail_record record = {offset, STORE, number, id};
    if (position == FOREIGN)
        record.store_id = record.position = record.id = NULL;
    assert_true(weir_tail_see(tail, &record, STORE, &error));
}

static weir_tail find(partition_log log, int64_t recorded_position, int64_t recorded_offset)
{
    weir_tail tail = {.topic = "t",
                      .recorded_position = recorded_position,
                      .recorded_offset = recorded_offset,
                      .low = log.low,
                      .high = log.low + log.count};
    ranges = 0;
    for (weir_tail_begin(&tail); !tail.done; weir_tail_next(&tail)) {
        assert_true(tail.low <= tail.from && tail.from < tail.until && tail.until <= tail.high);
        ranges++;
        for (int64_t offset = tail.from; offset < tail.until; offset++)
            if (log.records[offset - log.low] != MARKER)
                show(&tail, offset, log.records[offset - log.low]);
    }
    return tail;
}

#define LOG(low, ...)                                                                              \
    ((partition_log){(low), (const int64_t[]){__VA_ARGS__},                                        \
                     sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)})

static void test_nothing_at_all(void **state)
{
    (void)state;
    weir_tail tail = find((partition_log){0, NULL, 0}, 0, 0);
    assert_int_equal(tail.position, 0);
    assert_false(tail.lost);
    assert_int_equal(ranges, 0);
}

static void test_record_is_still_the_end(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(0, 3, 5, 9), 9, 3);
    assert_int_equal(tail.position, 9);
    assert_int_equal(tail.offset, 2);
    assert_true(tail.seen);
    assert_false(tail.lost);
    assert_int_equal(tail.from, 2); /* one record was enough */
}

static void test_more_than_recorded(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(0, 3, 5, 9, 12, MARKER), 5, 2);
    assert_int_equal(tail.position, 12);
    assert_int_equal(tail.offset, 3);
    assert_int_equal(tail.id.bytes[15], 0x12);
    assert_false(tail.lost);
}

static void test_the_largest_counts_not_the_last(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(0, 3, 5, 9, 5), 0, 0);
    assert_int_equal(tail.position, 9);
    assert_int_equal(tail.offset, 2);
}

static void test_lost_log_goes_on_from_what_is_left(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(0, 3, 5), 9, 3);
    assert_int_equal(tail.position, 5);
    assert_true(tail.lost);
    assert_false(tail.blank);
    tail = find((partition_log){0, NULL, 0}, 9, 3);
    assert_int_equal(tail.position, 0);
    assert_true(tail.lost && tail.blank);
    /* it has grown again since, without what was recorded */
    tail = find(LOG(0, 3, 5, FOREIGN, FOREIGN), 9, 3);
    assert_int_equal(tail.position, 5);
    assert_int_equal(tail.foreign, 2);
    assert_true(tail.lost);
}

static void test_a_log_that_has_grown_again_is_seen_through(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(0, 3, 5, 12, 13), 9, 3);
    assert_int_equal(tail.position, 5);
    assert_int_equal(tail.offset, 1);
    assert_true(tail.lost);
    tail = find(LOG(0, 12), 9, 1);
    assert_int_equal(tail.position, 0);
    assert_true(tail.lost && tail.blank);
    tail = find(LOG(0, 3, 5, FOREIGN, 13), 9, 3);
    assert_int_equal(tail.position, 5);
    assert_true(tail.lost);
}

static void test_emptied_by_retention(void **state)
{
    (void)state;
    weir_tail tail = find((partition_log){40, NULL, 0}, 9, 38);
    assert_int_equal(tail.position, 9);
    assert_int_equal(tail.offset, 37);
    assert_false(tail.seen);
    assert_false(tail.lost);
    assert_false(tail.blank);
    /* only markers and foreign records are left */
    tail = find(LOG(40, MARKER, FOREIGN), 9, 38);
    assert_int_equal(tail.position, 9);
    assert_false(tail.lost);
    /* nothing recorded, nothing left */
    tail = find((partition_log){40, NULL, 0}, 0, 0);
    assert_int_equal(tail.position, 0);
    assert_false(tail.lost);
}

static void test_recorded_event_gone_but_later_ones_left(void **state)
{
    (void)state;
    weir_tail tail = find(LOG(40, 11, 14), 9, 38);
    assert_int_equal(tail.position, 14);
    assert_true(tail.seen);
    assert_false(tail.lost);
}

static void test_steps_back_over_markers(void **state)
{
    (void)state;
    enum {
        COUNT = 5000
    };
    static int64_t records[COUNT];
    for (int i = 0; i < COUNT; i++)
        records[i] = MARKER;
    records[17] = 4;
    weir_tail tail = find((partition_log){100, records, COUNT}, 0, 0);
    assert_int_equal(tail.position, 4);
    assert_int_equal(tail.offset, 117);
    assert_in_range(ranges, 2, 8); /* doubling */
    records[17] = MARKER;
    tail = find((partition_log){100, records, COUNT}, 0, 0);
    assert_int_equal(tail.position, 0);
    assert_false(tail.lost);
}

static void test_half_headers_are_foreign(void **state)
{
    (void)state;
    const weir_tail_record records[] = {
        {0, STORE, NULL, "00000000-0000-4000-8000-000000000001"},
        {1, NULL, "1", "00000000-0000-4000-8000-000000000001"},
        {2, STORE, "1", NULL},
        {3, STORE, "1x", "00000000-0000-4000-8000-000000000001"},
        {4, STORE, "0", "00000000-0000-4000-8000-000000000001"},
        {5, STORE, "1", "no uuid"},
    };
    weir_error error;
    weir_tail tail = {.topic = "t", .high = 6};
    weir_tail_begin(&tail);
    for (size_t i = 0; i < 6; i++)
        assert_true(weir_tail_see(&tail, &records[i], STORE, &error));
    assert_int_equal(tail.foreign, 6);
    assert_int_equal(tail.position, 0);
}

static void test_another_store_is_fatal(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_tail tail = {.topic = "shop.user", .partition = 3, .high = 1};
    weir_tail_begin(&tail);
    weir_tail_record record = {0, OTHER, "1", "00000000-0000-4000-8000-000000000001"};
    assert_false(weir_tail_see(&tail, &record, STORE, &error));
    assert_int_equal(error.fate, WEIR_FATE_FATAL);
    assert_non_null(strstr(error.message, "partition 3 of topic shop.user"));
    assert_non_null(strstr(error.message, OTHER));
}

static void test_a_window_keeps_every_event_and_another_store_is_noted(void **state)
{
    (void)state;
    weir_error error = {0};
    weir_tail tail = {.topic = "t", .high = 9, .window = true};
    static const int64_t positions[] = {3, 9, 5, 9, FOREIGN};
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++)
        show(&tail, (int64_t)i, positions[i]);
    assert_int_equal(tail.found_count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(tail.found[i].position, positions[i]);
    assert_false(tail.other_store);
    weir_tail_record record = {5, OTHER, "1", "00000000-0000-4000-8000-000000000001"};
    assert_true(weir_tail_see(&tail, &record, STORE, &error));
    assert_true(tail.other_store && tail.found_count == 4);
    free(tail.found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_record_is_still_the_end),
        cmocka_unit_test(test_more_than_recorded),
        cmocka_unit_test(test_the_largest_counts_not_the_last),
        cmocka_unit_test(test_lost_log_goes_on_from_what_is_left),
        cmocka_unit_test(test_a_log_that_has_grown_again_is_seen_through),
        cmocka_unit_test(test_emptied_by_retention),
        cmocka_unit_test(test_recorded_event_gone_but_later_ones_left),
        cmocka_unit_test(test_steps_back_over_markers),
        cmocka_unit_test(test_half_headers_are_foreign),
        cmocka_unit_test(test_another_store_is_fatal),
        cmocka_unit_test(test_a_window_keeps_every_event_and_another_store_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
