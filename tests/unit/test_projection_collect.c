/* From a batch to calls: what goes into one statement, in which order, and what it is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/handler_int.h"

#define FILE_TEXT(apply)                                                                           \
    "-- projection: p\n-- from: a, b\n-- apply: " apply "\nCREATE TABLE t (id text);\n"            \
    "-- on: x\nINSERT INTO t SELECT aggregate_id FROM events;\nDELETE FROM t USING events;\n"      \
    "-- on: y, z\nUPDATE t SET id = events.event_type FROM events;\n"

typedef struct fixture {
    weir_projection *projection;
    weir_feeder *feeder;
    weir_arena *arena;
    weir_calls calls;
    weir_event events[4096];
    size_t count;
} fixture;

static fixture *given(const char *text)
{
    weir_error error = {0};
    fixture *f = weir_calloc(1, sizeof *f);
    f->projection = weir_projection_parse("p.sql", text, strlen(text), &error);
    assert_non_null(f->projection);
    f->feeder = weir_feeder_new(f->projection);
    f->arena = weir_arena_new(16 << 20);
    f->calls.arena = f->arena;
    f->feeder->replan_at = UINT64_MAX;
    return f;
}

static void done(fixture *f)
{
    weir_feeder_free(f->feeder);
    weir_projection_free(f->projection);
    weir_arena_free(f->arena);
    free(f);
}

static void event(fixture *f, const char *aggregate_type, const char *aggregate_id,
                  const char *type)
{
    f->events[f->count] = (weir_event){.position = (int64_t)f->count + 1,
                                       .aggregate_type = aggregate_type,
                                       .aggregate_id = aggregate_id,
                                       .version = 1,
                                       .type = type,
                                       .schema_version = 1,
                                       .content_type = "application/octet-stream",
                                       .data = "{}",
                                       .data_length = 2,
                                       .metadata = "{}",
                                       .metadata_length = 2};
    f->count++;
}

static bool collect(fixture *f, bool one_by_one, weir_error *error)
{
    const weir_batch batch = {f->events, f->count, f->arena};
    return weir_feeder_collect(f->feeder, &batch, one_by_one, &f->calls, error);
}

static int64_t read_int64(const char *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return (int64_t)be64toh(value);
}

/* The positions that a call carries, from its first parameter: one value, or an array. */
static size_t positions(const weir_call *call, int64_t *out)
{
    const weir_param *param = &call->params[0];
    assert_int_equal(call->count, 11);
    assert_true(param->binary);
    if (param->length == 8) {
        out[0] = read_int64(param->value);
        return 1;
    }
    uint32_t count;
    memcpy(&count, param->value + 12, sizeof count);
    count = ntohl(count);
    assert_int_equal(param->length, 20 + 12 * count);
    for (size_t i = 0; i < count; i++)
        out[i] = read_int64(param->value + 20 + 12 * i + 4);
    return count;
}

/* "p/1@1 p/3/many@2,3": every call's statement and positions. */
static void assert_calls(const fixture *f, const char *expected)
{
    weir_buffer text = WEIR_BUFFER(65536);
    weir_buffer_text(&text, "");
    int64_t at[4096];
    for (size_t i = 0; i < f->calls.count; i++) {
        weir_buffer_format(&text, "%s%s@", i > 0 ? " " : "", f->calls.calls[i].statement);
        size_t count = positions(&f->calls.calls[i], at);
        for (size_t j = 0; j < count; j++)
            weir_buffer_format(&text, "%s%lld", j > 0 ? "," : "", (long long)at[j]);
        assert_int_equal(f->calls.event[i], count == 1 ? (size_t)at[0] - 1 : SIZE_MAX);
    }
    assert_string_equal(text.data, expected);
    weir_buffer_free(&text);
}

static void sample(fixture *f)
{
    event(f, "a", "1", "x");
    event(f, "a", "2", "x");
    event(f, "a", "1", "unwanted");
    event(f, "a", "1", "x");
    event(f, "a", "1", "y");
    event(f, "b", "1", "z");
    event(f, "a", "2", "x");
}

static void assert_sample(const char *text, bool one_by_one, const char *expected)
{
    fixture *f = given(text);
    weir_error error;
    sample(f);
    assert_true(collect(f, one_by_one, &error));
    assert_calls(f, expected);
    done(f);
}

#define SINGLES "p/1@1 p/2@1 p/1@2 p/2@2 p/1@4 p/2@4 p/3@5 p/3@6 p/1@7 p/2@7"

static void test_each_goes_event_by_event(void **state)
{
    (void)state;
    assert_sample(FILE_TEXT("each"), false, SINGLES);
}

static void test_one_by_one_is_the_same_for_all(void **state)
{
    (void)state;
    assert_sample(FILE_TEXT("each"), true, SINGLES);
    assert_sample(FILE_TEXT("aggregate"), true, SINGLES);
    assert_sample(FILE_TEXT("batch"), true, SINGLES);
}

static void test_aggregate_goes_in_waves(void **state)
{
    (void)state;
    assert_sample(FILE_TEXT("aggregate"), false,
                  "p/1/many@1,2 p/2/many@1,2 p/3@6 p/1/many@4,7 p/2/many@4,7 p/3@5");
}

static void test_batch_takes_runs(void **state)
{
    (void)state;
    assert_sample(FILE_TEXT("batch"), false,
                  "p/1/many@1,2,4 p/2/many@1,2,4 p/3/many@5,6 p/1@7 p/2@7");
}

static void test_labels_name_the_line(void **state)
{
    (void)state;
    fixture *f = given(FILE_TEXT("each"));
    weir_error error;
    event(f, "a", "1", "x");
    event(f, "a", "1", "y");
    assert_true(collect(f, false, &error));
    assert_int_equal(f->calls.count, 3);
    assert_string_equal(f->calls.label[0], "p.sql:6");
    assert_string_equal(f->calls.label[1], "p.sql:7");
    assert_string_equal(f->calls.label[2], "p.sql:9");
    done(f);
}

static void packed(fixture *f, const char *bytes)
{
    event(f, "a", "1", "x");
    weir_event *last = &f->events[f->count - 1];
    last->content_type = "application/msgpack";
    last->binary = true;
    last->data = bytes;
    last->data_length = strlen(bytes);
}

/* The texts that stand in the parameter of data: one, or those of an array's elements. */
static void assert_holds(const weir_param *data, const char *text)
{
    size_t length = data->binary ? (size_t)data->length : strlen(data->value);
    assert_non_null(memmem(data->value, length, text, strlen(text)));
}

static void test_msgpack_is_data_too(void **state)
{
    (void)state;
    static const char *const files[] = {FILE_TEXT("each"), FILE_TEXT("batch")};
    for (int i = 0; i < 2; i++) {
        fixture *f = given(files[i]);
        weir_error error = {0};
        packed(f, "\x81\xa1n\x07");
        packed(f, "\x81\xa1n\x08");
        assert_true(collect(f, false, &error));
        assert_int_equal(f->calls.count, i == 0 ? 4 : 2);
        assert_holds(&f->calls.calls[0].params[7], "{\"n\":7}");
        assert_holds(&f->calls.calls[i == 0 ? 2 : 0].params[7], "{\"n\":8}");
        packed(f, "\x81\xa1n\xc1");
        assert_false(collect(f, false, &error));
        assert_int_equal(error.fate, WEIR_FATE_POISON);
        assert_string_equal(error.message, "data: /n: byte 0xc1 is not msgpack");
        done(f);
    }
}

static void test_nothing_wanted_is_nothing_called(void **state)
{
    (void)state;
    fixture *f = given(FILE_TEXT("aggregate"));
    weir_error error;
    assert_true(collect(f, false, &error));
    event(f, "a", "1", "unwanted");
    assert_true(collect(f, false, &error));
    assert_int_equal(f->calls.count, 0);
    done(f);
}

/* Random batches: whatever comes, every event is called for once, the waves of an aggregate are in
 * its order, no statement sees an aggregate twice, and there are no more waves than needed. */
static void test_waves_keep_their_promise(void **state)
{
    (void)state;
    static const char *const types[] = {"x", "y", "unwanted"};
    srand(7);
    for (int round = 0; round < 200; round++) {
        fixture *f = given(FILE_TEXT("aggregate"));
        char ids[64][16];
        int aggregates = 1 + rand() % 64, wanted = 0, most = 0, per[64] = {0};
        int64_t last[64] = {0}, at[4096];
        for (int i = 0; i < 64; i++)
            snprintf(ids[i], sizeof ids[i], "%d", i / 2);
        for (int i = 0, n = rand() % 500; i < n; i++) {
            int who = rand() % aggregates;
            const char *type = types[rand() % 3];
            event(f, who % 2 ? "a" : "b", ids[who], type);
            f->events[f->count - 1].version = who; /* to know it again */
            if (strcmp(type, "unwanted") != 0) {
                wanted++;
                most = ++per[who] > most ? per[who] : most;
            }
        }
        weir_error error;
        assert_true(collect(f, false, &error));
        int called = 0;
        for (size_t i = 0; i < f->calls.count; i++) {
            if (strncmp(f->calls.calls[i].statement, "p/2", 3) == 0)
                continue; /* the second of two under one `on` */
            size_t count = positions(&f->calls.calls[i], at);
            bool seen[64] = {false};
            for (size_t j = 0; j < count; j++, called++) {
                int64_t who = f->events[at[j] - 1].version;
                assert_false(seen[who]);
                seen[who] = true;
                assert_true(at[j] > last[who]);
                last[who] = at[j];
            }
        }
        assert_int_equal(called, wanted);
        assert_in_range(f->calls.count, 0, (size_t)most * 3);
        done(f);
    }
}

static void test_a_single_event_is_sent_as_values(void **state)
{
    (void)state;
    fixture *f = given(FILE_TEXT("each"));
    weir_error error;
    event(f, "a", "id", "x");
    weir_event *e = &f->events[0];
    e->time_us = 946684800000000 + 5;
    e->recorded_at_us = 946684800000000 - 1;
    e->metadata = NULL;
    e->schema_version = 258;
    e->id.bytes[15] = 9;
    assert_true(collect(f, false, &error));
    const weir_param *p = f->calls.calls[0].params;
    assert_string_equal(p[1].value, "a");
    assert_string_equal(p[2].value, "id");
    assert_int_equal(p[4].length, 16);
    assert_int_equal(p[4].value[15], 9);
    assert_string_equal(p[5].value, "x");
    assert_memory_equal(p[6].value, "\0\0\1\2", 4);
    assert_string_equal(p[7].value, "{}");
    assert_string_equal(p[8].value, "{}");
    assert_int_equal(read_int64(p[9].value), 5);
    assert_int_equal(read_int64(p[10].value), -1);
    e->binary = true;
    f->calls.count = 0;
    assert_true(collect(f, false, &error));
    assert_null(f->calls.calls[0].params[7].value);
    done(f);
}

static void test_a_full_arena_asks_for_a_smaller_batch(void **state)
{
    (void)state;
    static const char *const texts[] = {FILE_TEXT("each"), FILE_TEXT("aggregate"),
                                        FILE_TEXT("batch")};
    for (size_t i = 0; i < 3; i++) {
        for (size_t limit = 1024; limit <= 65536; limit *= 2) {
            fixture *f = given(texts[i]);
            weir_error error = {0};
            weir_arena_free(f->arena);
            f->calls.arena = f->arena = weir_arena_new(limit);
            for (int j = 0; j < 2000; j++)
                event(f, "a", j % 2 ? "1" : "2", "x");
            assert_false(collect(f, false, &error));
            assert_int_equal(error.fate, WEIR_FATE_RETRY);
            done(f);
        }
    }
}

static void test_plans_are_forgotten_as_tables_grow(void **state)
{
    (void)state;
    fixture *f = given(FILE_TEXT("aggregate"));
    weir_error error;
    int replans = 0;
    f->feeder->replan_at = 10;
    sample(f);
    for (int i = 0; i < 100; i++) { /* 600 events that are wanted: at 12, 24, 48, … 384 */
        f->calls.count = 0;
        assert_true(collect(f, false, &error));
        replans += strcmp(f->calls.calls[0].statement, "projection_replan") == 0;
        weir_arena_reset(f->arena);
        f->calls = (weir_calls){.arena = f->arena};
    }
    assert_int_equal(replans, 6);
    done(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_goes_event_by_event),
        cmocka_unit_test(test_one_by_one_is_the_same_for_all),
        cmocka_unit_test(test_aggregate_goes_in_waves),
        cmocka_unit_test(test_batch_takes_runs),
        cmocka_unit_test(test_labels_name_the_line),
        cmocka_unit_test(test_msgpack_is_data_too),
        cmocka_unit_test(test_nothing_wanted_is_nothing_called),
        cmocka_unit_test(test_waves_keep_their_promise),
        cmocka_unit_test(test_a_single_event_is_sent_as_values),
        cmocka_unit_test(test_plans_are_forgotten_as_tables_grow),
        cmocka_unit_test(test_a_full_arena_asks_for_a_smaller_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
