/* Arena: alignment, limits, big allocations, reuse after a reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static void test_allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(1 << 20);
    unsigned char *pieces[300];
    for (size_t i = 0; i < 300; i++) {
        assert_non_null(weir_arena_copy(arena, "x", 1)); /* puts the next off alignment */
        pieces[i] = weir_arena_alloc(arena, i);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t j = 0; j < i; j++)
            assert_int_equal(pieces[i][j], i & 0xFF);
    weir_arena_free(arena);
}

static void test_limit_is_exact(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(100);
    assert_non_null(weir_arena_copy(arena, "abc", 3));
    assert_int_equal(weir_arena_used(arena), 4);
    assert_null(weir_arena_copy(arena, NULL, 96));
    char zeros[95] = {0};
    assert_non_null(weir_arena_copy(arena, zeros, 95));
    assert_int_equal(weir_arena_used(arena), 100);
    assert_null(weir_arena_alloc(arena, 1));
    assert_null(weir_arena_copy(arena, "", 0));
    weir_arena_free(arena);
}

static void test_absurd_sizes_are_refused(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(1000);
    assert_null(weir_arena_alloc(arena, SIZE_MAX));
    assert_null(weir_arena_copy(arena, "x", SIZE_MAX));
    assert_non_null(weir_arena_copy(arena, "x", 1));
    assert_null(weir_arena_alloc(arena, SIZE_MAX - 2));
    assert_int_equal(weir_arena_used(arena), 2);
    weir_arena_free(arena);
    weir_arena_free(NULL);
}

static void test_big_ones_keep_the_current_block(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(8 << 20);
    char *first = weir_arena_copy(arena, "a", 1);
    char *big = weir_arena_alloc(arena, 1 << 20);
    char *second = weir_arena_copy(arena, "b", 1);
    assert_non_null(big);
    memset(big, 1, 1 << 20);
    assert_ptr_equal(second, first + 2);
    assert_string_equal(first, "a");
    weir_arena_free(arena);
}

static void test_reset_forgets_and_reuses(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new(1 << 20);
    char *first = weir_arena_copy(arena, "text", 4);
    assert_string_equal(first, "text");
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 200; i++)
            assert_non_null(weir_arena_alloc(arena, 5000));
        assert_null(weir_arena_alloc(arena, 1 << 17));
        weir_arena_reset(arena);
        assert_int_equal(weir_arena_used(arena), 0);
    }
    char *copy = weir_arena_copy(arena, "a\0b", 3);
    assert_memory_equal(copy, "a\0b", 4);
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations_are_aligned_and_apart),
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_absurd_sizes_are_refused),
        cmocka_unit_test(test_big_ones_keep_the_current_block),
        cmocka_unit_test(test_reset_forgets_and_reuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
