/* Frames come back as they were written; one that is cut or made up is broken and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "projections/plugin_frames_int.h"

static weir_slice written(const weir_buffer *frame)
{
    return (weir_slice){frame->data + 4, frame->length - 4};
}

static void put_all(weir_buffer *frame)
{
    static const weir_event event = {
        .position = 1LL << 40,
        .aggregate_type = "order",
        .aggregate_id = "o-1",
        .version = 7,
        .id = {.bytes = {1, 2, 255}},
        .type = "order.paid",
        .schema_version = 2,
        .content_type = "application/msgpack",
        .data = "\0\1\2",
        .data_length = 3,
        .binary = true,
        .time_us = -5,
        .recorded_at_us = 6,
    };
    const weir_param params[] = {WEIR_PARAM_TEXT("text"), WEIR_PARAM_NULL, {"\0\7", 2, true}};
    weir_error error = {0};
    weir_fail_code(&error, WEIR_FATE_CONFIG, WEIR_INVALID, "no table");
    strcpy(error.sqlstate, "42P01");
    weir_frame_begin(frame);
    weir_frame_put_event(frame, &event);
    weir_frame_put_statement(frame, "SELECT $1, $2, $3", params, 3, -1);
    weir_frame_put_error(frame, &error);
    assert_true(weir_frame_end(frame, WEIR_FRAME_BATCH));
}

static void read_all(weir_frame *frame, weir_event *event, weir_frame_statement *s, weir_error *e)
{
    weir_frame_event(frame, event);
    weir_frame_statement_read(frame, s);
    weir_frame_error(frame, e);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    weir_frame frame;
    weir_event event;
    weir_frame_statement s;
    weir_error error = {0};
    weir_buffer bytes = WEIR_BUFFER(1 << 16);
    weir_arena *arena = weir_arena_new(1 << 16);
    put_all(&bytes);
    assert_int_equal(weir_frame_open(&frame, written(&bytes), arena), WEIR_FRAME_BATCH);
    read_all(&frame, &event, &s, &error);
    assert_false(frame.broken || frame.full || weir_frame_more(&frame));
    assert_int_equal(event.position, 1LL << 40);
    assert_string_equal(event.aggregate_id, "o-1");
    assert_int_equal(event.id.bytes[2], 255);
    assert_int_equal(event.data_length, 3);
    assert_memory_equal(event.data, "\0\1\2", 3);
    assert_true(event.binary);
    assert_null(event.metadata);
    assert_int_equal(event.time_us, -5);
    assert_string_equal(s.sql, "SELECT $1, $2, $3");
    assert_int_equal(s.event, -1);
    assert_int_equal(s.count, 3);
    assert_string_equal(s.params[0].value, "text");
    assert_null(s.params[1].value);
    assert_true(s.params[2].binary && s.params[2].length == 2);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    assert_string_equal(error.sqlstate, "42P01");
    weir_arena_free(arena);
    weir_buffer_free(&bytes);
}

static void what_is_cut_is_broken(void **state)
{
    (void)state;
    weir_buffer bytes = WEIR_BUFFER(1 << 16);
    weir_arena *arena = weir_arena_new(1 << 20);
    put_all(&bytes);
    for (size_t length = 0; length < written(&bytes).length; length++) {
        weir_frame frame;
        weir_event event;
        weir_frame_statement s;
        weir_error error;
        char *cut = weir_malloc(length + 1); /* so that reading beyond it is seen */
        memcpy(cut, written(&bytes).text, length);
        weir_frame_open(&frame, (weir_slice){cut, length}, arena);
        read_all(&frame, &event, &s, &error);
        assert_true(frame.broken);
        assert_false(weir_frame_more(&frame));
        free(cut);
    }
    weir_arena_free(arena);
    weir_buffer_free(&bytes);
}

static void a_count_beyond_the_frame_takes_no_memory(void **state)
{
    (void)state;
    weir_frame frame;
    size_t count;
    weir_buffer bytes = WEIR_BUFFER(1 << 16);
    weir_arena *arena = weir_arena_new(1 << 20);
    for (int64_t many = -1; many < INT64_MAX / 2; many = many < 100 ? 100 : many * 3) {
        weir_frame_begin(&bytes);
        weir_frame_put_number(&bytes, many);
        assert_true(weir_frame_end(&bytes, WEIR_FRAME_ROWS));
        assert_int_equal(weir_frame_open(&frame, written(&bytes), arena), WEIR_FRAME_ROWS);
        assert_null(weir_frame_array(&frame, sizeof(weir_event), &count));
        assert_true(frame.broken && count == 0);
    }
    assert_int_equal(weir_arena_used(arena), 0);
    weir_arena_free(arena);
    weir_buffer_free(&bytes);
}

static void a_full_arena_is_not_a_broken_frame(void **state)
{
    (void)state;
    weir_frame frame;
    weir_event event;
    weir_frame_statement s;
    weir_buffer bytes = WEIR_BUFFER(1 << 16);
    weir_arena *arena = weir_arena_new(16);
    put_all(&bytes);
    weir_frame_open(&frame, written(&bytes), arena);
    weir_frame_event(&frame, &event);
    weir_frame_statement_read(&frame, &s);
    assert_true(frame.full && !frame.broken);
    assert_false(weir_frame_more(&frame));
    weir_arena_free(arena);
    weir_buffer_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_cut_is_broken),
        cmocka_unit_test(a_count_beyond_the_frame_takes_no_memory),
        cmocka_unit_test(a_full_arena_is_not_a_broken_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
