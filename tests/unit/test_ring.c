/* The ring: the cursor follows contiguous acknowledgements only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "producer/ring_int.h"

static size_t release_all(weir_ring *ring)
{
    weir_flight flight;
    size_t count = 0;
    while (weir_ring_release(ring, &flight))
        count++;
    return count;
}

static void test_cursor_waits_for_the_oldest(void **state)
{
    (void)state;
    weir_ring *ring = weir_ring_new(4, 4, 1000);
    weir_ring_reset(ring, 10);
    uint64_t first = weir_ring_push(ring, 11, 0, 1, 0);
    uint64_t second = weir_ring_push(ring, 15, 1, 1, 0);
    uint64_t third = weir_ring_push(ring, 16, 0, 1, 0);
    assert_non_null(weir_ring_acknowledge(ring, third, 7));
    assert_non_null(weir_ring_acknowledge(ring, second, 3));
    assert_int_equal(release_all(ring), 0);
    assert_int_equal(weir_ring_cursor(ring), 10);
    assert_non_null(weir_ring_acknowledge(ring, first, 6));
    weir_flight flight;
    assert_true(weir_ring_release(ring, &flight));
    assert_int_equal(flight.position, 11);
    assert_int_equal(flight.offset, 6);
    assert_int_equal(weir_ring_cursor(ring), 11);
    assert_int_equal(release_all(ring), 2);
    assert_int_equal(weir_ring_cursor(ring), 16);
    assert_int_equal(weir_ring_events(ring), 0);
    weir_ring_free(ring);
}

static void test_skipped_events_move_with_the_one_before(void **state)
{
    (void)state;
    weir_ring *ring = weir_ring_new(4, 4, 1000);
    weir_ring_skip(ring, 3);
    assert_int_equal(weir_ring_cursor(ring), 3);
    uint64_t sequence = weir_ring_push(ring, 4, 0, 1, 0);
    weir_ring_skip(ring, 5);
    weir_ring_skip(ring, 9);
    assert_int_equal(weir_ring_cursor(ring), 3);
    assert_non_null(weir_ring_acknowledge(ring, sequence, 0));
    assert_int_equal(release_all(ring), 1);
    assert_int_equal(weir_ring_cursor(ring), 9);
    weir_ring_free(ring);
}

static void test_room_by_events_and_bytes(void **state)
{
    (void)state;
    weir_ring *ring = weir_ring_new(2, 2, 100);
    assert_true(weir_ring_has_room(ring, 5000)); /* a single event may be larger than the limit */
    weir_ring_push(ring, 1, 0, 60, 0);
    assert_true(weir_ring_has_room(ring, 40));
    assert_false(weir_ring_has_room(ring, 41));
    assert_int_equal(weir_ring_free_bytes(ring), 40);
    weir_ring_push(ring, 2, 0, 1, 0);
    assert_false(weir_ring_has_room(ring, 1));
    weir_ring_take_back(ring);
    assert_int_equal(weir_ring_free_events(ring), 1);
    assert_true(weir_ring_has_room(ring, 40));
    weir_ring_free(ring);
}

/* As in a transaction: what is acknowledged waits in the ring, and holds no memory of Kafka's. */
static void test_only_what_is_not_acknowledged_takes_room(void **state)
{
    (void)state;
    weir_ring *ring = weir_ring_new(5, 2, 100);
    for (int64_t position = 1; position <= 5; position++) {
        assert_true(weir_ring_has_room(ring, 60));
        uint64_t sequence = weir_ring_push(ring, position, 0, 60, 0);
        assert_false(weir_ring_has_room(ring, 60));
        assert_int_equal(weir_ring_in_flight(ring), 1);
        assert_non_null(weir_ring_acknowledge(ring, sequence, position));
        assert_int_equal(weir_ring_free_bytes(ring), 100);
        assert_int_equal(weir_ring_events(ring), position);
        assert_int_equal(weir_ring_cursor(ring), 0);
    }
    assert_false(weir_ring_has_room(ring, 1));
    assert_int_equal(release_all(ring), 5);
    assert_int_equal(weir_ring_free_events(ring), 2);
    assert_int_equal(weir_ring_cursor(ring), 5);
    weir_ring_free(ring);
}

static void test_late_and_repeated_acknowledgements_change_nothing(void **state)
{
    (void)state;
    weir_ring *ring = weir_ring_new(4, 4, 1000);
    uint64_t old = weir_ring_push(ring, 1, 0, 1, 0);
    weir_ring_reset(ring, 0);
    uint64_t fresh = weir_ring_push(ring, 1, 0, 1, 0);
    assert_null(weir_ring_acknowledge(ring, old, 5));
    assert_null(weir_ring_find(ring, old));
    assert_int_equal(release_all(ring), 0);
    assert_non_null(weir_ring_acknowledge(ring, fresh, 6));
    assert_null(weir_ring_acknowledge(ring, fresh, 7));
    weir_flight flight;
    assert_true(weir_ring_release(ring, &flight));
    assert_int_equal(flight.offset, 6);
    assert_null(weir_ring_acknowledge(ring, fresh, 8));
    weir_ring_free(ring);
}

/* Whatever the order of acknowledgements: everything at or below the cursor is acknowledged, and
 * the next event above it is not. */
static void test_the_cursor_is_exact_in_any_order(void **state)
{
    (void)state;
    enum {
        EVENTS = 5000,
        CAPACITY = 37
    };
    static bool acknowledged[EVENTS + 1];
    weir_ring *ring = weir_ring_new(CAPACITY, CAPACITY, 1 << 20);
    uint64_t sequence_of[EVENTS + 1];
    int64_t next = 1, settled = 0;
    srand(7);
    while (settled < EVENTS) {
        if (next <= EVENTS && weir_ring_has_room(ring, 8) && rand() % 2) {
            sequence_of[next] = weir_ring_push(ring, next, 0, 8, 0);
            next++;
        } else if (next > settled + 1) {
            int64_t pick = settled + 1 + rand() % (next - settled - 1);
            weir_ring_acknowledge(ring, sequence_of[pick], pick);
            acknowledged[pick] = true;
        }
        release_all(ring);
        while (settled < EVENTS && acknowledged[settled + 1])
            settled++;
        assert_int_equal(weir_ring_cursor(ring), settled);
    }
    assert_int_equal(weir_ring_free_bytes(ring), 1 << 20);
    weir_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_waits_for_the_oldest),
        cmocka_unit_test(test_skipped_events_move_with_the_one_before),
        cmocka_unit_test(test_room_by_events_and_bytes),
        cmocka_unit_test(test_only_what_is_not_acknowledged_takes_room),
        cmocka_unit_test(test_late_and_repeated_acknowledgements_change_nothing),
        cmocka_unit_test(test_the_cursor_is_exact_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
