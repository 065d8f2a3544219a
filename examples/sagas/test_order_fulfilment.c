/* From an order to its delivery, and back, path by path. It needs no database; the file is found
 * from the folder that holds examples/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sagas/specification.h"

#define SAGA "examples/sagas/order_fulfilment.yaml"

#define OF_ORDER "{\"order_id\": \"o-1\"}"
#define ITEMS "[{\"sku\": \"s-1\", \"quantity\": 2}]"
#define ORDER "{\"items\": " ITEMS ", \"total\": \"12.50\", \"account\": \"b-1\"}"
#define SUBMITTED WEIR_FACT_OF("order", "o-1", "order.submitted", ORDER)
#define RESERVED                                                                                   \
    WEIR_FACT_OF("inventory", "i-1", "inventory.reserved",                                         \
                 "{\"order_id\": \"o-1\", \"reservation\": \"r-7\"}")
#define CHARGED WEIR_FACT_OF("payment", "p-1", "payment.charged", OF_ORDER)
#define UNAVAILABLE WEIR_FACT_OF("payment", "p-1", "payment.unavailable", OF_ORDER)
#define SHIP_REFUSED WEIR_FACT_OF("shipping", "s-1", "shipping.refused", OF_ORDER)
#define REFUNDED WEIR_FACT_OF("payment", "p-1", "payment.refunded", OF_ORDER)
#define TIMES_OUT WEIR_DUE("o-1")

#define ASKS_TO_RESERVE                                                                            \
    WEIR_FACT("inventory.reserve_requested", "{\"order_id\": \"o-1\", \"items\": " ITEMS "}")
#define ASKS_TO_CHARGE                                                                             \
    WEIR_FACT("payment.charge_requested",                                                          \
              "{\"order_id\": \"o-1\", \"amount\": \"12.50\", \"account\": \"b-1\"}")
#define ASKS_TO_SHIP(reservation)                                                                  \
    WEIR_FACT("shipping.ship_requested",                                                           \
              "{\"order_id\": \"o-1\", \"items\": " ITEMS ", \"reservation\": " reservation "}")
#define ASKS_TO_RELEASE WEIR_FACT("inventory.release_requested", OF_ORDER)
#define ASKS_TO_REFUND(why)                                                                        \
    WEIR_FACT("payment.refund_requested",                                                          \
              "{\"order_id\": \"o-1\", \"amount\": \"12.50\", \"reason\": \"" why "\"}")
#define ASKS_TO_RECALL WEIR_FACT("shipping.recall_requested", OF_ORDER)

static void an_order_is_reserved_charged_and_shipped(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given_nothing(),
                      weir_when_event("order", "o-1", "order.submitted", ORDER),
                      weir_then_requests(ASKS_TO_RESERVE), weir_then_at("running", "reserve"),
                      weir_then_due_in("30s"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED),
                      weir_when_event("inventory", "i-1", "inventory.reserved", OF_ORDER),
                      weir_then_requests(ASKS_TO_CHARGE), weir_then_at("running", "charge"),
                      weir_then_due_in("1m"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED),
                      weir_when_event("payment", "p-1", "payment.charged", OF_ORDER),
                      weir_then_requests(ASKS_TO_SHIP("\"r-7\"")), weir_then_at("running", "ship"),
                      weir_then_due_in("2m"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED),
                      weir_when_event("shipping", "s-1", "shipping.shipped", OF_ORDER),
                      weir_then_requests(), weir_then_ended("completed"), weir_then_due_in("never"),
                      weir_then_again_unchanged());
}

static void without_stock_nothing_is_to_be_undone(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED),
                      weir_when_event("inventory", "i-1", "inventory.out_of_stock", OF_ORDER),
                      weir_then_requests(), weir_then_ended("compensated"),
                      weir_then_due_in("never"), weir_then_again_unchanged());
}

static void a_refused_payment_releases_the_stock(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED),
                      weir_when_event("payment", "p-1", "payment.refused", OF_ORDER),
                      weir_then_requests(ASKS_TO_RELEASE), weir_then_at("compensating", "reserve"),
                      weir_then_due_in("30s"), weir_then_again_unchanged());
}

static void what_cannot_be_shipped_is_refunded_and_then_released(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED),
                      weir_when_event("shipping", "s-1", "shipping.refused", OF_ORDER),
                      weir_then_requests(ASKS_TO_REFUND("ship: shipping.refused")),
                      weir_then_at("compensating", "charge"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED, SHIP_REFUSED),
                      weir_when_event("payment", "p-1", "payment.refunded", OF_ORDER),
                      weir_then_requests(ASKS_TO_RELEASE), weir_then_at("compensating", "reserve"));
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED, SHIP_REFUSED, REFUNDED),
                      weir_when_event("inventory", "i-1", "inventory.released", OF_ORDER),
                      weir_then_requests(), weir_then_ended("compensated"),
                      weir_then_again_unchanged());
}

static void a_payment_that_does_not_answer_is_asked_for_three_times_and_taken_back(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED), weir_when_due("o-1"),
                      weir_then_requests(), weir_then_at("running", "charge"),
                      weir_then_due_in("2s"));
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, TIMES_OUT), weir_when_due("o-1"),
                      weir_then_requests(ASKS_TO_CHARGE), weir_then_due_in("1m"));
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, TIMES_OUT, TIMES_OUT),
                      weir_when_due("o-1"), weir_then_requests(), weir_then_due_in("4s"));
    /* The third attempt is the last. It may have happened, so that it is taken back as well. */
    weir_specify_saga(SAGA,
                      weir_given(SUBMITTED, RESERVED, TIMES_OUT, TIMES_OUT, TIMES_OUT, TIMES_OUT),
                      weir_when_due("o-1"),
                      weir_then_requests(ASKS_TO_REFUND("charge: timeout after 3 attempts")),
                      weir_then_at("compensating", "charge"));
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, TIMES_OUT),
                      weir_when_event("payment", "p-1", "payment.charged", OF_ORDER),
                      weir_then_requests(ASKS_TO_SHIP("\"r-7\"")), weir_then_at("running", "ship"));
}

static void a_busy_payment_is_asked_again_without_the_wait(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED),
                      weir_when_event("payment", "p-1", "payment.unavailable", OF_ORDER),
                      weir_then_requests(), weir_then_at("running", "charge"),
                      weir_then_due_in("2s"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, UNAVAILABLE), weir_when_due("o-1"),
                      weir_then_requests(ASKS_TO_CHARGE), weir_then_due_in("1m"));
    /* A refusal of a second attempt says nothing of the first. */
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, UNAVAILABLE, TIMES_OUT),
                      weir_when_event("payment", "p-1", "payment.refused", OF_ORDER),
                      weir_then_requests(ASKS_TO_REFUND("charge: payment.refused")),
                      weir_then_at("compensating", "charge"));
}

static void stock_that_is_never_released_waits_for_a_person(void **state)
{
    (void)state;
#define TIMES_OUT_AND_IS_TRIED_AGAIN TIMES_OUT, TIMES_OUT
    weir_specify_saga(SAGA,
                      weir_given(SUBMITTED, RESERVED,
                                 WEIR_FACT_OF("payment", "p-1", "payment.refused", OF_ORDER),
                                 TIMES_OUT_AND_IS_TRIED_AGAIN, TIMES_OUT_AND_IS_TRIED_AGAIN,
                                 TIMES_OUT_AND_IS_TRIED_AGAIN, TIMES_OUT_AND_IS_TRIED_AGAIN,
                                 TIMES_OUT_AND_IS_TRIED_AGAIN),
                      weir_when_due("o-1"), weir_then_requests(), weir_then_at("failed", "reserve"),
                      weir_then_due_in("never"));
}

static void a_cancelled_order_is_taken_back_wherever_it_is(void **state)
{
    (void)state;
#define CANCELLED weir_when_event("order", "o-1", "order.cancelled", OF_ORDER)
    weir_specify_saga(SAGA, weir_given(SUBMITTED), CANCELLED, weir_then_requests(ASKS_TO_RELEASE),
                      weir_then_at("compensating", "reserve"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED), CANCELLED,
                      weir_then_requests(ASKS_TO_RECALL), weir_then_at("compensating", "ship"));
}

static void what_comes_twice_late_or_for_another_order_changes_nothing(void **state)
{
    (void)state;
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED),
                      weir_when_event("inventory", "i-1", "inventory.reserved", OF_ORDER),
                      weir_then_nothing(), weir_then_at("running", "ship"));
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, CHARGED),
                      weir_when_event("order", "o-1", "order.submitted", ORDER),
                      weir_then_nothing());
    weir_specify_saga(
        SAGA, weir_given(SUBMITTED),
        weir_when_event("inventory", "i-2", "inventory.reserved", "{\"order_id\": \"o-2\"}"),
        weir_then_nothing());
}

static void an_answer_that_comes_early_counts_when_its_step_is_reached(void **state)
{
    (void)state;
    weir_specify_saga(
        SAGA, weir_given(SUBMITTED), weir_when_event("payment", "p-1", "payment.charged", OF_ORDER),
        weir_then_requests(), weir_then_at("running", "reserve"), weir_then_again_unchanged());
    weir_specify_saga(SAGA, weir_given(SUBMITTED, CHARGED),
                      weir_when_event("inventory", "i-1", "inventory.reserved", OF_ORDER),
                      weir_then_requests(ASKS_TO_SHIP("null")), weir_then_at("running", "ship"));
    /* A refusal of what was not asked for is of nothing. */
    weir_specify_saga(SAGA, weir_given(SUBMITTED, RESERVED, SHIP_REFUSED),
                      weir_when_event("payment", "p-1", "payment.charged", OF_ORDER),
                      weir_then_requests(ASKS_TO_SHIP("\"r-7\"")), weir_then_at("running", "ship"));
}

static void an_order_without_a_total_is_refused_when_it_is_to_be_charged(void **state)
{
    (void)state;
    weir_specify_saga(
        SAGA, weir_given(WEIR_FACT_OF("order", "o-1", "order.submitted", "{\"items\": []}")),
        weir_when_event("inventory", "i-1", "inventory.reserved", OF_ORDER),
        weir_then_refused("there is no $start.total"), weir_then_at("running", "reserve"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_reserved_charged_and_shipped),
        cmocka_unit_test(without_stock_nothing_is_to_be_undone),
        cmocka_unit_test(a_refused_payment_releases_the_stock),
        cmocka_unit_test(what_cannot_be_shipped_is_refunded_and_then_released),
        cmocka_unit_test(a_payment_that_does_not_answer_is_asked_for_three_times_and_taken_back),
        cmocka_unit_test(a_busy_payment_is_asked_again_without_the_wait),
        cmocka_unit_test(stock_that_is_never_released_waits_for_a_person),
        cmocka_unit_test(a_cancelled_order_is_taken_back_wherever_it_is),
        cmocka_unit_test(what_comes_twice_late_or_for_another_order_changes_nothing),
        cmocka_unit_test(an_answer_that_comes_early_counts_when_its_step_is_reached),
        cmocka_unit_test(an_order_without_a_total_is_refused_when_it_is_to_be_charged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
