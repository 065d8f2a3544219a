/* The gate: what may be applied, what was applied before, and what is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumer/gate_int.h"

#define STORE "0192d3a4-0000-7000-8000-00000000000a"
#define OTHER "0192d3a4-0000-7000-8000-00000000000b"

static weir_gate gate_at(int64_t position, bool fresh)
{
    return (weir_gate){STORE, position, fresh};
}

static weir_verdict judge(weir_gate gate, int64_t position, int64_t prevposition)
{
    weir_chain chain = {position, prevposition, STORE};
    return weir_gate_judge(&gate, &chain);
}

static void test_the_next_of_the_chain_passes(void **state)
{
    (void)state;
    assert_int_equal(judge(gate_at(7, false), 12, 7), WEIR_VERDICT_APPLY);
    assert_int_equal(judge(gate_at(0, true), 3, 0), WEIR_VERDICT_APPLY);
    assert_int_equal(judge(gate_at(0, false), 3, 0), WEIR_VERDICT_APPLY);
}

/* A checkpoint set by a replay from the store may lie between two events of this partition. */
static void test_a_predecessor_below_the_position_passes(void **state)
{
    (void)state;
    assert_int_equal(judge(gate_at(10, false), 12, 7), WEIR_VERDICT_APPLY);
}

static void test_what_was_applied_is_a_duplicate(void **state)
{
    (void)state;
    assert_int_equal(judge(gate_at(7, false), 7, 3), WEIR_VERDICT_DUPLICATE);
    assert_int_equal(judge(gate_at(7, false), 3, 0), WEIR_VERDICT_DUPLICATE);
    assert_int_equal(judge(gate_at(7, true), 7, 3), WEIR_VERDICT_DUPLICATE);
}

static void test_a_missing_predecessor_is_a_hole(void **state)
{
    (void)state;
    assert_int_equal(judge(gate_at(7, false), 12, 8), WEIR_VERDICT_HOLE);
    assert_int_equal(judge(gate_at(0, false), 12, 8), WEIR_VERDICT_HOLE);
}

static void test_a_fresh_subscription_may_begin_late(void **state)
{
    (void)state;
    weir_gate gate = gate_at(0, true);
    weir_chain first = {12, 8, STORE}, second = {20, 15, STORE};
    assert_int_equal(weir_gate_judge(&gate, &first), WEIR_VERDICT_FIRST_SEEN);
    weir_gate_pass(&gate, &first);
    assert_int_equal(gate.position, 12);
    assert_int_equal(weir_gate_judge(&gate, &second), WEIR_VERDICT_HOLE);
}

static void test_another_store_is_refused_before_all_else(void **state)
{
    (void)state;
    weir_gate gate = gate_at(7, true);
    weir_chain duplicate = {3, 0, OTHER}, next = {8, 7, OTHER}, shouted = {8, 7, NULL};
    assert_int_equal(weir_gate_judge(&gate, &duplicate), WEIR_VERDICT_OTHER_STORE);
    assert_int_equal(weir_gate_judge(&gate, &next), WEIR_VERDICT_OTHER_STORE);
    shouted.store_id = "0192D3A4-0000-7000-8000-00000000000A";
    assert_int_equal(weir_gate_judge(&gate, &shouted), WEIR_VERDICT_APPLY);
}

/* I3, I5: whatever is repeated or left out, positions pass in rising order and none is passed over.
 */
static void test_a_run_with_repetitions_passes_each_once(void **state)
{
    (void)state;
    const int64_t seen[] = {1, 4, 4, 1, 9, 4, 9, 11};
    const int64_t before[] = {0, 1, 1, 0, 4, 1, 4, 9};
    weir_gate gate = gate_at(0, true);
    int64_t sum = 0;
    for (size_t i = 0; i < 8; i++) {
        weir_chain chain = {seen[i], before[i], STORE};
        if (weir_gate_judge(&gate, &chain) != WEIR_VERDICT_APPLY)
            continue;
        assert_true(chain.position > gate.position);
        weir_gate_pass(&gate, &chain);
        sum += chain.position;
    }
    assert_int_equal(sum, 1 + 4 + 9 + 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_next_of_the_chain_passes),
        cmocka_unit_test(test_a_predecessor_below_the_position_passes),
        cmocka_unit_test(test_what_was_applied_is_a_duplicate),
        cmocka_unit_test(test_a_missing_predecessor_is_a_hole),
        cmocka_unit_test(test_a_fresh_subscription_may_begin_late),
        cmocka_unit_test(test_another_store_is_refused_before_all_else),
        cmocka_unit_test(test_a_run_with_repetitions_passes_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
