/* What a saga's file may say, and what is said about one that may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sagas/plan_int.h"

#define STEP                                                                                       \
    "  - { name: charge, request: payment.charge_requested, data: { order: $id },\n"               \
    "      success: payment.charged, failure: 'payment.refused, payment.fraud', timeout: 500ms "   \
    "}\n"
#define HEAD                                                                                       \
    "saga: fulfilment\nfrom: order payment\nstart: order.submitted\nkey: order_id\nsteps:\n"

static weir_saga_plan *must_parse(const char *text)
{
    weir_error error = {0};
    weir_saga_plan *plan = weir_saga_plan_parse("f.yaml", text, strlen(text), &error);
    if (!plan)
        fail_msg("%s", error.message);
    return plan;
}

static void refused(const char *text, const char *why)
{
    weir_error error = {0};
    weir_saga_plan *plan = weir_saga_plan_parse("f.yaml", text, strlen(text), &error);
    assert_null(plan);
    assert_int_equal(error.fate, WEIR_FATE_CONFIG);
    if (!strstr(error.message, why))
        fail_msg("'%s' is not in '%s'", why, error.message);
}

static void test_what_is_left_out_has_a_default(void **state)
{
    (void)state;
    weir_saga_plan *plan = must_parse(HEAD STEP);
    assert_string_equal(plan->name, "fulfilment");
    assert_int_equal(plan->version, 1);
    assert_string_equal(plan->from[0], "order");
    assert_string_equal(plan->from[1], "payment");
    assert_null(plan->from[2]);
    assert_string_equal(plan->start_key, "$aggregate_id");
    assert_int_equal(plan->count, 1);
    const weir_saga_act *go = &plan->stages[0].go;
    assert_int_equal(go->timeout_ms, 500);
    assert_int_equal(go->retries, 3);
    assert_int_equal(go->backoff_ms, 1000);
    assert_string_equal(go->failure[1], "payment.fraud");
    assert_null(plan->stages[0].undo.request);
    weir_saga_plan_free(plan);
}

static void test_an_event_type_means_one_thing(void **state)
{
    (void)state;
    weir_saga_plan *plan = must_parse(HEAD STEP);
    assert_int_equal(weir_saga_plan_role(plan, "order.submitted").meaning, WEIR_SAGA_START);
    assert_int_equal(weir_saga_plan_role(plan, "payment.charged").meaning, WEIR_SAGA_SUCCESS);
    assert_int_equal(weir_saga_plan_role(plan, "payment.fraud").meaning, WEIR_SAGA_FAILURE);
    assert_string_equal(weir_saga_plan_role(plan, "payment.fraud").key, "order_id");
    assert_int_equal(weir_saga_plan_role(plan, "payment.charge").meaning, WEIR_SAGA_NOTHING);
    weir_saga_plan_free(plan);
    refused(HEAD STEP
            "  - { name: again, request: x.asked, data: { a: 1 }, success: payment.charged }\n",
            "step 'again': another place of this saga has this event type, too: 'payment.charged'");
    refused(HEAD "  - { name: a, request: x.asked, data: { a: 1 }, success: order.submitted }\n",
            "another place of this saga");
    refused(HEAD "  - { name: a, request: x.asked, data: { a: 1 }, success: 'x.*' }\n",
            "not a pattern like 'x.*'");
}

static void test_what_is_wrong_is_named_with_its_place(void **state)
{
    (void)state;
    refused("saga: a\n", "a saga lacks 'from'");
    refused("", "the file is empty");
    refused(HEAD "  - { name: a, requests: x }\n", "f.yaml:6:16: unknown key 'requests' in a step");
    refused(HEAD "  - { name: a, request: x.y, data: { a: 1 } }\n", "a step lacks 'success'");
    refused(HEAD "  []\n", "a saga has 1 to 100 steps");
    refused(HEAD "  - { name: start, request: x.y, data: { a: 1 }, success: z }\n",
            "step 'start': the name is taken");
    refused(HEAD "  - { name: a-b, request: x.y, data: { a: 1 }, success: z }\n", "it is no name");
    refused(HEAD STEP STEP, "two steps have the name 'charge'");
    refused(HEAD "  - { name: a, request: fulfilment.a, data: { a: 1 }, success: z }\n",
            "events of that prefix are the saga's own");
    refused(HEAD "  - { name: a, request: x.y, data: { a: 1 }, success: z, timeout: 3 }\n",
            "timeout must be a duration such as 500ms, 30s, 5m or 1d, not '3'");
    refused(HEAD "  - { name: a, request: x.y, data: { a: 1 }, success: z, retries: -1 }\n",
            "retries must be a whole number");
    refused("saga: x\nfrom: x\nstart: y\nkey: z\nsteps:\n" STEP,
            "'x' in 'from' is the saga's own name");
    refused(HEAD "  - { name: a, request: weir.a, data: { a: 1 }, success: z }\n", "reserved");
    refused("saga: a b\nfrom: x\nstart: y\nkey: z\nsteps:\n" STEP, "'a b' is no name of a saga");
}

static void test_data_may_speak_of_what_is_known(void **state)
{
    (void)state;
    refused(HEAD "  - { name: a, request: x.y, data: { v: $b.v }, success: z }\n",
            "$b is no value");
    refused(HEAD "  - { name: a, request: x.y, data: { v: $b.v }, success: z }\n"
                 "  - { name: b, request: x.w, data: { v: 1 }, success: w }\n",
            "$b is not known yet");
    refused(HEAD "  - { name: a, request: x.y, data: { v: $id.v }, success: z }\n",
            "$id is a text and has no members");
    refused(HEAD "  - { name: a, request: x.y, data: [1], success: z }\n",
            "data must be an object or a reference");
    refused(HEAD "  - { name: a, request: x.y, data: { v: 1 }, success: z,\n"
                 "      compensate: { request: x.z, data: { v: $a.v }, success: y } }\n",
            "after a timeout: write $a.…?");
    weir_saga_plan_free(must_parse(
        HEAD "  - { name: a, request: x.y, data: $start, success: z,\n"
             "      compensate: { request: x.z, data: { v: $a.v?, w: [$reason] }, success: y } }\n"
             "  - { name: b, request: x.w, data: { v: { w: $a.v } }, success: w }\n"));
}

static void test_a_table_in_c_says_the_same_as_its_record(void **state)
{
    (void)state;
    weir_error error = {0};
    static const weir_saga_step steps[] = {
        {"charge",
         {.request = "payment.charge_requested",
          .data = "{\"order\": \"$id\"}",
          .success = "payment.charged",
          .timeout = "30s",
          .retries = "0"},
         {.request = "payment.refund_requested",
          .data = "{\"order\": \"$id\"}",
          .success = "payment.refunded"}},
        {0},
    };
    const weir_saga_definition table = {.name = "fulfilment",
                                        .from = "order, payment",
                                        .start = "order.submitted",
                                        .key = "order_id",
                                        .steps = steps,
                                        .version = 3};
    weir_saga_plan *plan = weir_saga_plan_of_table(&table, "plugin.so", &error);
    assert_non_null(plan);
    weir_saga_plan *again =
        weir_saga_plan_parse("recorded", plan->json, strlen(plan->json), &error);
    assert_non_null(again);
    assert_string_equal(again->json, plan->json);
    assert_int_equal(again->version, 3);
    assert_int_equal(again->stages[0].go.timeout_ms, 30000);
    assert_int_equal(again->stages[0].go.retries, 0);
    assert_string_equal(again->stages[0].undo.request, "payment.refund_requested");
    weir_saga_plan_free(again);
    weir_saga_plan_free(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left_out_has_a_default),
        cmocka_unit_test(test_an_event_type_means_one_thing),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(test_data_may_speak_of_what_is_known),
        cmocka_unit_test(test_a_table_in_c_says_the_same_as_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
