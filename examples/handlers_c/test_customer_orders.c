/* What the handler makes of a few orders. Needs a PostgreSQL: WEIR_STORE_CONNINFO, or libpq's
 * variables, say where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "examples/handlers_c/customer_orders.h"
#include "projections/specification.h"

#define ORDER(id, type, data) WEIR_FACT_OF("order", id, type, data)
#define SUBMITTED(id) ORDER(id, "order.submitted", "{\"user_id\": \"ada\"}")
#define PAID(id, cents) ORDER(id, "order.paid", "{\"amount_cents\": " #cents "}")
#define REFUNDED(id, cents) ORDER(id, "order.cancelled", "{\"refund_cents\": " #cents "}")

static void payments_of_all_orders_make_the_tier(void **state)
{
    (void)state;
    weir_specify_handler(
        &customer_orders,
        weir_given(SUBMITTED("o-1"), ORDER("o-1", "order.item_added", "{\"quantity\": 3}"),
                   PAID("o-1", 9000), SUBMITTED("o-2"), PAID("o-2", 1500)),
        weir_then_rows(WEIR_ROWS("SELECT * FROM customers",
                                 "[{\"id\": \"ada\", \"orders\": 2, \"paid_cents\": 10500, "
                                 "\"tier\": \"silver\"}]"),
                       WEIR_ROWS("SELECT id, items FROM orders ORDER BY id",
                                 "[{\"id\": \"o-1\", \"items\": 3}, "
                                 "{\"id\": \"o-2\", \"items\": 0}]")),
        weir_then_again_unchanged());
}

static void a_refund_may_cost_the_tier(void **state)
{
    (void)state;
    weir_specify_handler(
        &customer_orders, weir_given(SUBMITTED("o-1"), PAID("o-1", 60000), REFUNDED("o-1", 55000)),
        weir_then_rows(WEIR_ROWS("SELECT paid_cents, tier FROM customers",
                                 "[{\"paid_cents\": 5000, \"tier\": \"bronze\"}]")));
}

static void what_was_never_submitted_cannot_be_paid(void **state)
{
    (void)state;
    weir_specify_handler(&customer_orders, weir_given(PAID("o-1", 100)),
                         weir_then_refused("never submitted"));
    weir_specify_handler(&customer_orders, weir_given(SUBMITTED("o-1"), REFUNDED("o-1", 1)),
                         weir_then_refused("customers_paid_cents_check"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payments_of_all_orders_make_the_tier),
        cmocka_unit_test(a_refund_may_cost_the_tier),
        cmocka_unit_test(what_was_never_submitted_cannot_be_paid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
