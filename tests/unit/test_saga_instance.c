/* What an instance does with whatever comes, in whatever order: no PostgreSQL, no Kafka. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sagas/instance_int.h"

#define SAGA                                                                                       \
    "{\"saga\": \"f\", \"from\": \"o\", \"start\": \"o.submitted\", \"key\": \"order\","           \
    " \"abort\": \"o.cancelled\", \"steps\": ["                                                    \
    "{\"name\": \"a\", \"request\": \"a.asked\", \"data\": {\"order\": \"$id\"},"                  \
    " \"success\": \"a.done\", \"failure\": \"a.refused\", \"timeout\": \"10s\", \"retries\": 1,"  \
    " \"compensate\": {\"request\": \"a.undo\", \"data\": {\"order\": \"$id\", \"nr\": "           \
    "\"$a.nr?\"}, \"success\": \"a.undone\", \"failure\": \"a.stuck\", \"timeout\": \"5s\","       \
    " \"retries\": 1}},"                                                                           \
    "{\"name\": \"b\", \"request\": \"b.asked\", \"data\": {\"nr\": \"$a.nr\", \"sum\": "          \
    "\"$start.sum\"}, \"success\": \"b.done\", \"failure\": \"b.refused\", \"retry_on\": "         \
    "\"b.busy\", \"timeout\": \"10s\", \"retries\": 2, \"backoff\": \"2s\","                       \
    " \"compensate\": {\"request\": \"b.undo\", \"data\": {\"why\": \"$reason\"}, \"success\": "   \
    "\"b.undone\"}},"                                                                              \
    "{\"name\": \"c\", \"request\": \"c.asked\", \"data\": {\"v\": 1}, \"success\": \"c.done\","   \
    " \"failure\": \"c.refused\"}]}"

typedef struct world {
    weir_saga_plan *plan;
    weir_saga_instance instance;
    weir_saga_output output;
    weir_arena *arena;
    size_t seen;
    weir_error error;
} world;

static int begin(void **state)
{
    static world w;
    w = (world){.arena = weir_arena_new(1 << 22)};
    w.plan = weir_saga_plan_parse("f", SAGA, strlen(SAGA), &w.error);
    if (!w.plan)
        printf("%s\n", w.error.message);
    w.instance = (weir_saga_instance){.id = "o-1", .data = "{}"};
    w.output.arena = w.arena;
    *state = &w;
    return w.plan ? 0 : -1;
}

static int end(void **state)
{
    world *w = *state;
    weir_saga_plan_free(w->plan);
    weir_arena_free(w->arena);
    return 0;
}

static bool apply(world *w, weir_saga_input input)
{
    w->seen = w->output.count;
    w->instance.timer = WEIR_SAGA_KEEP;
    return weir_saga_decide(w->plan, &w->instance, &input, &w->output, &w->error);
}

static bool tell_event(world *w, const char *type, const char *data)
{
    const weir_event event = {.type = type,
                              .aggregate_type = "o",
                              .aggregate_id = "o-1",
                              .data = data,
                              .data_length = strlen(data),
                              .metadata = "{}",
                              .metadata_length = 2,
                              .id = weir_uuid_new()};
    return apply(w, (weir_saga_input){.cause = WEIR_SAGA_EVENT, .event = &event});
}

/* The types that the last input led to, separated by blanks. */
static void expect(const world *w, const char *types)
{
    char said[1000] = "";
    for (size_t i = w->seen; i < w->output.count; i++)
        snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s", said[0] ? " " : "",
                 w->output.events[i].type);
    assert_string_equal(said, types);
}

static void when(world *w, const char *type, const char *data, const char *then)
{
    if (!tell_event(w, type, data))
        fail_msg("%s: %s", type, w->error.message);
    expect(w, then);
}

static void when_due(world *w, const char *then)
{
    assert_true(apply(w, (weir_saga_input){.cause = WEIR_SAGA_TIME}));
    expect(w, then);
}

static void is(const world *w, weir_saga_state state, const char *step)
{
    assert_int_equal(w->instance.state, state);
    if (step)
        assert_string_equal(w->instance.step, step);
    else
        assert_null(w->instance.step);
}

static const char *last_data(const world *w)
{
    return w->output.events[w->output.count - 1].data;
}

static void test_step_by_step_to_the_end(void **state)
{
    world *w = *state;
    when(w, "a.done", "{}", "");
    is(w, WEIR_SAGA_NEW, NULL);
    when(w, "o.submitted", "{\"sum\": 1.50}", "f.started a.asked");
    is(w, WEIR_SAGA_RUNNING, "a");
    assert_int_equal(w->instance.timer, WEIR_SAGA_SET);
    assert_int_equal(w->instance.due_ms, 10000);
    when(w, "a.done", "{\"nr\": 12345678901234567890.10}", "f.step_completed b.asked");
    assert_string_equal(last_data(w), "{\"nr\":12345678901234567890.10,\"sum\":1.50}");
    when(w, "b.done", "{}", "f.step_completed c.asked");
    assert_int_equal(w->instance.timer, WEIR_SAGA_CLEAR);
    when(w, "c.done", "{}", "f.step_completed f.completed");
    is(w, WEIR_SAGA_COMPLETED, NULL);
    assert_int_equal(w->instance.version, (int)w->output.count);
}

static void test_what_comes_twice_or_late_changes_nothing(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when(w, "o.submitted", "{\"sum\": 2}", "");
    when(w, "a.done", "{\"nr\": 1}", "f.step_completed b.asked");
    assert_int_equal(w->instance.timer, WEIR_SAGA_SET);
    when(w, "a.done", "{\"nr\": 2}", "");
    assert_int_equal(w->instance.timer, WEIR_SAGA_KEEP);
    when(w, "a.refused", "{}", "");
    when(w, "a.undone", "{}", "");
    when(w, "b.undone", "{}", "");
    is(w, WEIR_SAGA_RUNNING, "b");
    when(w, "b.done", "{}", "f.step_completed c.asked");
    when(w, "c.done", "{}", "f.step_completed f.completed");
    when(w, "b.refused", "{}", "");
    when(w, "o.cancelled", "{}", "");
    is(w, WEIR_SAGA_COMPLETED, NULL);
}

static void test_what_comes_early_counts_when_it_is_reached(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when(w, "b.done", "{\"paid\": true}", "f.step_completed");
    is(w, WEIR_SAGA_RUNNING, "a");
    when(w, "b.done", "{\"paid\": true}", "");
    when(w, "a.done", "{\"nr\": 1}", "f.step_completed c.asked");
    when(w, "c.refused", "{}", "f.step_failed f.compensating b.undo");
    when(w, "b.undone", "{}", "f.step_compensated a.undo");
}

static void test_a_refusal_undoes_what_was_done_the_last_first(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when(w, "a.done", "{\"nr\": 7}", "f.step_completed b.asked");
    when(w, "b.done", "{}", "f.step_completed c.asked");
    when(w, "c.refused", "{\"say\": \"no\"}", "f.step_failed f.compensating b.undo");
    assert_string_equal(last_data(w), "{\"why\":\"c: c.refused\"}");
    is(w, WEIR_SAGA_COMPENSATING, "b");
    when(w, "b.undone", "{}", "f.step_compensated a.undo");
    assert_string_equal(last_data(w), "{\"order\":\"o-1\",\"nr\":7}");
    when(w, "b.undone", "{}", "");
    when(w, "a.undone", "{}", "f.step_compensated f.compensated");
    is(w, WEIR_SAGA_COMPENSATED, NULL);
}

static void test_what_was_refused_at_once_is_not_undone(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when(w, "a.refused", "{}", "f.step_failed f.compensating f.compensated");
    is(w, WEIR_SAGA_COMPENSATED, NULL);
    when(w, "a.done", "{}", "");
}

static void test_a_timeout_tries_again_and_then_undoes_what_may_have_happened(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when_due(w, "f.timed_out");
    assert_true(w->instance.waiting);
    assert_int_equal(w->instance.due_ms, 1000);
    when_due(w, "a.asked");
    assert_int_equal(w->instance.attempt, 2);
    when_due(w, "f.timed_out f.compensating a.undo");
    assert_string_equal(last_data(w), "{\"order\":\"o-1\",\"nr\":null}");
    when(w, "a.done", "{\"nr\": 1}", "");
    when(w, "a.undone", "{}", "f.step_compensated f.compensated");
}

static void test_an_answer_ends_the_wait_for_another_attempt(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when_due(w, "f.timed_out");
    when(w, "a.done", "{\"nr\": 1}", "f.step_completed b.asked");
    assert_false(w->instance.waiting);
    when(w, "b.busy", "{}", "f.attempt_failed");
    assert_int_equal(w->instance.due_ms, 2000);
    when(w, "b.busy", "{}", "");
    when_due(w, "b.asked");
    when(w, "b.busy", "{}", "f.attempt_failed");
    assert_int_equal(w->instance.due_ms, 4000);
    when_due(w, "b.asked");
    when(w, "b.busy", "{}", "f.attempt_failed f.compensating b.undo");
}

static void test_what_cannot_be_undone_waits_for_a_person(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    when(w, "a.done", "{\"nr\": 1}", "f.step_completed b.asked");
    when(w, "o.cancelled", "{}", "f.compensating b.undo");
    when(w, "b.undone", "{}", "f.step_compensated a.undo");
    when(w, "a.stuck", "{}", "f.attempt_failed");
    when_due(w, "a.undo");
    when_due(w, "f.timed_out f.failed");
    is(w, WEIR_SAGA_FAILED, "a");
    assert_int_equal(w->instance.timer, WEIR_SAGA_CLEAR);
    when_due(w, "");
    assert_true(apply(w, (weir_saga_input){.cause = WEIR_SAGA_RETRY, .by = "ann"}));
    expect(w, "f.retried a.undo");
    is(w, WEIR_SAGA_COMPENSATING, "a");
    when(w, "a.undone", "{}", "f.step_compensated f.compensated");
}

static void test_a_person_may_retry_compensate_and_cancel(void **state)
{
    world *w = *state;
    const weir_saga_input retry = {.cause = WEIR_SAGA_RETRY, .by = "ann"};
    const weir_saga_input undo = {.cause = WEIR_SAGA_COMPENSATE, .by = "ann", .why = "moved"};
    const weir_saga_input cancel = {.cause = WEIR_SAGA_CANCEL, .by = "ann"};
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    assert_true(apply(w, retry));
    expect(w, "f.retried a.asked");
    when(w, "a.done", "{\"nr\": 1}", "f.step_completed b.asked");
    when(w, "b.done", "{}", "f.step_completed c.asked");
    when(w, "c.done", "{}", "f.step_completed f.completed");
    assert_false(apply(w, retry));
    assert_int_equal(w->error.code, WEIR_CONFLICT);
    assert_true(apply(w, undo));
    expect(w, "f.compensating b.undo");
    assert_string_equal(w->instance.reason, "compensation asked for by ann: moved");
    assert_true(apply(w, cancel));
    expect(w, "f.cancelled f.failed");
    is(w, WEIR_SAGA_FAILED, NULL);
    assert_false(apply(w, retry));
    assert_false(apply(w, cancel));
    when(w, "b.undone", "{}", "");
}

static void test_what_cannot_be_asked_for_names_what_is_missing(void **state)
{
    world *w = *state;
    when(w, "o.submitted", "{\"sum\": 1}", "f.started a.asked");
    assert_false(tell_event(w, "a.done", "{\"number\": 1}"));
    assert_int_equal(w->error.fate, WEIR_FATE_POISON);
    assert_string_equal(w->error.message,
                        "b.asked of f 'o-1' cannot be asked for: there is no $a.nr");
}

static void test_keys(void **state)
{
    world *w = *state;
    char key[WEIR_SAGA_KEY_SIZE];
    weir_event event = {.type = "a.done",
                        .aggregate_type = "a",
                        .aggregate_id = "a-1",
                        .data = "{\"order\": \"\\u00fc-1\"}",
                        .data_length = 20};
    weir_saga_role role = {WEIR_SAGA_SUCCESS, 0, false, "order"};
    assert_true(weir_saga_key(&role, &event, key, &w->error));
    assert_string_equal(key, "ü-1");
    event.data = "{\"order\": 17}";
    event.data_length = 13;
    assert_true(weir_saga_key(&role, &event, key, &w->error));
    assert_string_equal(key, "17");
    role.key = "order.id";
    assert_true(weir_saga_key(&role, &event, key, &w->error));
    assert_string_equal(key, "");
    role.meaning = WEIR_SAGA_START;
    assert_false(weir_saga_key(&role, &event, key, &w->error));
    assert_int_equal(w->error.fate, WEIR_FATE_POISON);
    role.key = "$aggregate_id";
    assert_true(weir_saga_key(&role, &event, key, &w->error));
    assert_string_equal(key, "a-1");
}

#define SAGA_TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SAGA_TEST(test_step_by_step_to_the_end),
        SAGA_TEST(test_what_comes_twice_or_late_changes_nothing),
        SAGA_TEST(test_what_comes_early_counts_when_it_is_reached),
        SAGA_TEST(test_a_refusal_undoes_what_was_done_the_last_first),
        SAGA_TEST(test_what_was_refused_at_once_is_not_undone),
        SAGA_TEST(test_a_timeout_tries_again_and_then_undoes_what_may_have_happened),
        SAGA_TEST(test_an_answer_ends_the_wait_for_another_attempt),
        SAGA_TEST(test_what_cannot_be_undone_waits_for_a_person),
        SAGA_TEST(test_a_person_may_retry_compensate_and_cancel),
        SAGA_TEST(test_what_cannot_be_asked_for_names_what_is_missing),
        SAGA_TEST(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
