/* The given/when/then kit for sagas: what holds, what does not, and how it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char failed_with[8192];

static void remember(const char *file, int line, const char *message)
{
    assert_non_null(file);
    assert_true(line > 0);
    strncpy(failed_with, message, sizeof failed_with - 1);
}

#define WEIR_SPECIFICATION_FAIL remember
#include "sagas/specification.h"

static const weir_saga_step steps[] = {
    {"charge",
     {.request = "charge.asked",
      .data = "{\"order\": \"$id\", \"sum\": \"$start.sum\"}",
      .success = "charged",
      .failure = "refused",
      .retry_on = "busy",
      .timeout = "30s",
      .retries = "1",
      .backoff = "2s"},
     {.request = "refund.asked",
      .data = "{\"order\": \"$id\"}",
      .success = "refunded",
      .timeout = "1m",
      .retries = "0"}},
    {"ship",
     {.request = "ship.asked", .data = "{}", .success = "shipped", .failure = "unshippable"},
     {0}},
    {0},
};

static const weir_saga_definition orders = {.name = "orders",
                                            .from = "order, payment",
                                            .start = "submitted",
                                            .key = "order",
                                            .steps = steps};

#define HOLDS(...)                                                                                 \
    do {                                                                                           \
        failed_with[0] = '\0';                                                                     \
        weir_specify_saga_table(&orders, __VA_ARGS__);                                             \
        assert_string_equal(failed_with, "");                                                      \
    } while (0)
#define FAILS(message, ...)                                                                        \
    do {                                                                                           \
        failed_with[0] = '\0';                                                                     \
        weir_specify_saga_table(&orders, __VA_ARGS__);                                             \
        assert_string_equal(failed_with, message);                                                 \
    } while (0)

#define SUBMITTED(id) WEIR_FACT_OF("order", id, "submitted", "{\"sum\": 5}")
#define ANSWER(id, type) WEIR_FACT_OF("payment", "p", type, "{\"order\": \"" id "\"}")
#define WHEN(id, type) weir_when_event("payment", "p", type, "{\"order\": \"" id "\"}")
#define CHARGE(id) WEIR_FACT("charge.asked", "{\"sum\": 5.0, \"order\": \"" id "\"}")

static void what_is_so_holds(void **state)
{
    (void)state;
    HOLDS(weir_given_nothing(), weir_when_event("order", "o", "submitted", "{\"sum\": 5}"),
          weir_then_requests(CHARGE("o")), weir_then_at("running", "charge"),
          weir_then_due_in("30s"), weir_then_again_unchanged());
    HOLDS(weir_given(SUBMITTED("o")), WHEN("o", "charged"),
          weir_then_requests(WEIR_FACT("ship.asked", NULL)), weir_then_due_in("never"),
          weir_then_again_unchanged());
    HOLDS(weir_given(SUBMITTED("o"), ANSWER("o", "charged"), ANSWER("o", "shipped")),
          weir_then_ended("completed"));
    HOLDS(weir_given(SUBMITTED("o")), WHEN("o", "busy"), weir_then_requests(),
          weir_then_at("running", "charge"), weir_then_due_in("2s"), weir_then_again_unchanged());
    HOLDS(weir_given(SUBMITTED("o")), weir_when_due("o"), weir_then_requests(),
          weir_then_due_in("2s"));
    HOLDS(weir_given(SUBMITTED("o"), WEIR_DUE("o")), weir_when_due("o"),
          weir_then_requests(CHARGE("o")), weir_then_due_in("30s"));
    HOLDS(weir_given(SUBMITTED("o")), WHEN("o", "unknown"), weir_then_nothing());
    HOLDS(weir_given_nothing(), WHEN("o", "charged"), weir_then_nothing());
    HOLDS(weir_given(SUBMITTED("o"), ANSWER("o", "noise")), weir_then_at("running", "charge"));
    HOLDS(weir_given(SUBMITTED("o")), WHEN("o", "refused"),
          weir_then_events(
              WEIR_FACT("orders.step_failed",
                        "{\"step\": \"charge\", \"by\": \"refused\", \"answer\": {\"order\": "
                        "\"o\"}}"),
              WEIR_FACT("orders.compensating",
                        "{\"step\": \"charge\", \"reason\": \"charge: refused\"}"),
              WEIR_FACT("orders.compensated", "{\"reason\": \"charge: refused\"}")));
}

static void answers_go_to_instances_by_their_keys(void **state)
{
    (void)state;
    HOLDS(weir_given(SUBMITTED("o"), SUBMITTED("p"), ANSWER("o", "charged")), WHEN("p", "charged"),
          weir_then_requests(WEIR_FACT("ship.asked", "{}")), weir_then_at("running", "ship"));
    HOLDS(weir_given(SUBMITTED("o"), SUBMITTED("p"), ANSWER("o", "charged")), weir_when_due("p"),
          weir_then_at("running", "charge"));
    HOLDS(weir_given(SUBMITTED("o"), SUBMITTED("p")), WHEN("q", "charged"), weir_then_nothing());
}

static void what_is_refused_leaves_the_instance_where_it_was(void **state)
{
    (void)state;
    HOLDS(weir_given_nothing(), weir_when_event("order", "o", "submitted", "{}"),
          weir_then_refused("start.sum"), weir_then_again_unchanged());
    FAILS("given submitted: charge.asked of orders 'o' cannot be asked for: there is no "
          "$start.sum",
          weir_given(WEIR_FACT_OF("order", "o", "submitted", "{}")), WHEN("o", "charged"),
          weir_then_refused("sum"));
}

static void what_is_not_so_is_said(void **state)
{
    (void)state;
    FAILS("given\n"
          "  order/o submitted {\"sum\": 5}\n"
          "  the timer of o is due\n"
          "when\n"
          "  payment/p charged {\"order\": \"o\"}\n"
          "expected\n"
          "  requests refund.asked {}\n"
          "  it is compensating at charge\n"
          "  its timer is due in 1m\n"
          "actual\n"
          "  requests ship.asked {}\n"
          "  it is running at ship, attempt 1\n"
          "  its timer is due in never\n",
          weir_given(SUBMITTED("o"), WEIR_DUE("o")), WHEN("o", "charged"),
          weir_then_requests(WEIR_FACT("refund.asked", "{}")),
          weir_then_at("compensating", "charge"), weir_then_due_in("1m"));
    FAILS("given\n  nothing\nwhen\n  payment/p charged {\"order\": \"o\"}\n"
          "expected\n  it is completed\nactual\n  requests nothing\n"
          "  there is no such instance\n",
          weir_given_nothing(), WHEN("o", "charged"), weir_then_ended("completed"));
    FAILS("given\n  nothing\nwhen\n  payment/p charged {\"order\": \"o\"}\n"
          "expected\n  its timer is due in never\nactual\n  requests nothing\n"
          "  there is no such instance\n",
          weir_given_nothing(), WHEN("o", "charged"), weir_then_due_in("never"));
    FAILS("given\n  order/o submitted {\"sum\": 5}\nwhen\n  the timer of o is due\n"
          "expected\n  records nothing\nactual\n  requests nothing\n"
          "  records orders.timed_out {\"step\":\"charge\",\"why\":\"timeout\",\"attempt\":1,"
          "\"next_in_ms\":2000}\n"
          "  it is running at charge, attempt 2 to come\n  its timer is due in 2000ms\n",
          weir_given(SUBMITTED("o")), weir_when_due("o"), weir_then_nothing());
    FAILS("given\n  order/o submitted {\"sum\": 5}\nwhen\n  payment/p charged {\"order\": \"o\"}\n"
          "expected\n  refused: never\nactual\n  requests ship.asked {}\n"
          "  it is running at ship, attempt 1\n  its timer is due in never\n",
          weir_given(SUBMITTED("o")), WHEN("o", "charged"), weir_then_refused("never"));
}

static void differences_that_matter_are_seen(void **state)
{
    (void)state;
    const weir_fact others[][3] = {{WEIR_FACT("charge.asked", "{\"order\": \"o\"}")},
                                   {WEIR_FACT("charge.asked", "{\"order\": \"o\", \"sum\": 6}")},
                                   {WEIR_FACT("ship.asked", "{\"order\": \"o\", \"sum\": 5}")},
                                   {CHARGE("o"), CHARGE("o")},
                                   {{0}}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        failed_with[0] = '\0';
        weir_specify_saga_table(&orders, weir_given_nothing(),
                                weir_when_event("order", "o", "submitted", "{\"sum\": 5}"),
                                .requests = others[i]);
        assert_non_null(strstr(failed_with, "actual\n  requests charge.asked"));
    }
    static const char *const where[][2] = {
        {"running", "ship"}, {"running", NULL}, {"compensating", "charge"}, {"completed", NULL}};
    for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
        failed_with[0] = '\0';
        weir_specify_saga_table(&orders, weir_given(SUBMITTED("o")),
                                weir_then_at(where[i][0], where[i][1]));
        assert_non_null(strstr(failed_with, "it is running at charge, attempt 1\n"));
    }
    static const char *const due[] = {"29s", "30001ms", "never"};
    for (size_t i = 0; i < sizeof due / sizeof *due; i++) {
        failed_with[0] = '\0';
        weir_specify_saga_table(&orders, weir_given(SUBMITTED("o")), weir_then_due_in(due[i]));
        assert_non_null(strstr(failed_with, "its timer is due in 30000ms\n"));
    }
}

/* A saga whose compensation counts each busy: the same event twice is not the same as once. */
static void a_second_time_that_changes_something_is_said(void **state)
{
    static const weir_saga_step eager[] = {
        {"a",
         {.request = "a.asked", .data = "{}", .success = "a.done", .failure = "a.refused"},
         {.request = "a.undo",
          .data = "{}",
          .success = "a.undone",
          .failure = "a.stuck",
          .retries = "1"}},
        {0},
    };
    static const weir_saga_definition saga = {.name = "eager",
                                              .from = "o",
                                              .start = "o.new",
                                              .key = "o",
                                              .abort = "o.off",
                                              .steps = eager};
    (void)state;
    failed_with[0] = '\0';
    weir_specify_saga_table(&saga,
                            weir_given(WEIR_FACT_OF("o", "1", "o.new", "{}"),
                                       WEIR_FACT_OF("o", "1", "o.off", "{\"o\": 1}")),
                            weir_when_event("o", "1", "a.stuck", "{\"o\": 1}"),
                            weir_then_requests(), weir_then_again_unchanged());
    assert_memory_equal(failed_with, "the same event once more\ngiven\n", 30);
    assert_non_null(
        strstr(failed_with, "it is failed at a, attempt 2: a: a.stuck after 2 attempts"));
}

static void what_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    FAILS("a specification without a then says nothing", weir_given(SUBMITTED("o")));
    FAILS("without a when, then can say where the instance is and no more",
          weir_given(SUBMITTED("o")), weir_then_requests());
    FAILS("weir_then_again_unchanged is for events: a timer is acted on once",
          weir_given(SUBMITTED("o")), weir_when_due("o"), weir_then_again_unchanged());
    FAILS("there is no state 'runing': running, compensating, completed, compensated or failed",
          weir_given(SUBMITTED("o")), weir_then_at("runing", "charge"));
    FAILS("given submitted: it needs an aggregate of a type that orders reads (from)",
          weir_given(WEIR_FACT_OF("user", "o", "submitted", "{}")), weir_then_ended("completed"));
    FAILS("given weir.due: orders 'o' has no timer", weir_given(WEIR_DUE("o")),
          weir_then_ended("completed"));
    failed_with[0] = '\0';
    weir_specify_saga_table(&orders, weir_given(SUBMITTED("o")), weir_then_due_in("soon"));
    assert_non_null(strstr(failed_with, "weir_then_due_in: "));
    failed_with[0] = '\0';
    weir_specify_saga_table(&orders, weir_given(WEIR_FACT_OF("order", "o", "submitted", "{")),
                            weir_then_at("running", "charge"));
    assert_memory_equal(failed_with, "given submitted: ", 17);
    failed_with[0] = '\0';
    weir_specify_saga("no/such.yaml", weir_then_ended("completed"));
    assert_non_null(strstr(failed_with, "no/such.yaml"));
    static const weir_saga_definition empty = {.name = "empty"};
    failed_with[0] = '\0';
    weir_specify_saga_table(&empty, weir_then_ended("completed"));
    assert_string_equal(failed_with, "empty:1:44: a saga has 1 to 100 steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_so_holds),
        cmocka_unit_test(answers_go_to_instances_by_their_keys),
        cmocka_unit_test(what_is_refused_leaves_the_instance_where_it_was),
        cmocka_unit_test(what_is_not_so_is_said),
        cmocka_unit_test(differences_that_matter_are_seen),
        cmocka_unit_test(a_second_time_that_changes_something_is_said),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
