/* Orders and customers, written from the events of orders. What a payment does to a customer's tier
 * is decided here, from what the tables say at that moment: the part that SQL would be clumsy at.
 */
#include "examples/handlers_c/customer_orders.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char tables[] = "CREATE TABLE customers ("
                             "    id text PRIMARY KEY,"
                             "    orders integer NOT NULL,"
                             "    paid_cents bigint NOT NULL CHECK (paid_cents >= 0),"
                             "    tier text NOT NULL);"
                             "CREATE TABLE orders ("
                             "    id text PRIMARY KEY,"
                             "    customer text NOT NULL REFERENCES customers,"
                             "    items integer NOT NULL DEFAULT 0);";

static const char *tier_of(int64_t paid_cents)
{
    return paid_cents >= 50000 ? "gold" : paid_cents >= 10000 ? "silver" : "bronze";
}

static bool submitted(weir_transaction *transaction, const weir_event *event, const json_t *data,
                      weir_error *error)
{
    const char *customer = json_string_value(json_object_get(data, "user_id"));
    if (!customer)
        return weir_fail(error, WEIR_FATE_POISON, "the order has no user_id");
    return weir_transaction_exec(
               transaction,
               "INSERT INTO customers (id, orders, paid_cents, tier) VALUES ($1, 1, 0, 'bronze') "
               "ON CONFLICT (id) DO UPDATE SET orders = customers.orders + 1",
               WEIR_PARAMS(WEIR_PARAM_TEXT(customer)), error) &&
           weir_transaction_exec(
               transaction, "INSERT INTO orders (id, customer) VALUES ($1, $2)",
               WEIR_PARAMS(WEIR_PARAM_TEXT(event->aggregate_id), WEIR_PARAM_TEXT(customer)), error);
}

static bool item_added(weir_transaction *transaction, const weir_event *event, const json_t *data,
                       weir_error *error)
{
    char quantity[24];
    return weir_transaction_exec(
        transaction, "UPDATE orders SET items = items + $2::integer WHERE id = $1",
        WEIR_PARAMS(
            WEIR_PARAM_TEXT(event->aggregate_id),
            weir_param_integer(json_integer_value(json_object_get(data, "quantity")), quantity)),
        error);
}

/* Money moves: in for a payment, out for a refund. The customer has orders in other lanes, too: the
 * row is locked before what it says is trusted. */
static bool moved(weir_transaction *transaction, const weir_event *event, int64_t cents,
                  weir_error *error)
{
    char paid[24];
    const weir_rows *rows = weir_transaction_query(
        transaction,
        "SELECT c.id, c.paid_cents FROM customers c JOIN orders o ON o.customer = c.id "
        "WHERE o.id = $1 FOR UPDATE OF c",
        WEIR_PARAMS(WEIR_PARAM_TEXT(event->aggregate_id)), error);
    if (!rows)
        return false;
    if (rows->count == 0)
        return weir_fail(error, WEIR_FATE_POISON, "money for an order that was never submitted");
    const int64_t now = strtoll(weir_rows_value(rows, 0, 1), NULL, 10) + cents;
    return weir_transaction_exec(
        transaction, "UPDATE customers SET paid_cents = $2::bigint, tier = $3 WHERE id = $1",
        WEIR_PARAMS(WEIR_PARAM_TEXT(weir_rows_value(rows, 0, 0)), weir_param_integer(now, paid),
                    WEIR_PARAM_TEXT(tier_of(now))),
        error);
}

static bool apply_one(weir_transaction *transaction, const weir_event *event, const json_t *data,
                      weir_error *error)
{
    if (strcmp(event->type, "order.submitted") == 0)
        return submitted(transaction, event, data, error);
    if (strcmp(event->type, "order.item_added") == 0)
        return item_added(transaction, event, data, error);
    if (strcmp(event->type, "order.paid") == 0)
        return moved(transaction, event, json_integer_value(json_object_get(data, "amount_cents")),
                     error);
    return moved(transaction, event, -json_integer_value(json_object_get(data, "refund_cents")),
                 error);
}

static bool apply(void *context, weir_transaction *transaction, const weir_event *events,
                  size_t count, weir_error *error)
{
    (void)context;
    for (size_t i = 0; i < count; i++) {
        weir_transaction_at(transaction, i);
        json_t *data = json_loadb(events[i].data, events[i].data_length, 0, NULL);
        bool ok = apply_one(transaction, &events[i], data, error);
        json_decref(data);
        if (!ok)
            return false;
    }
    return true;
}

const weir_plugin_handler customer_orders = {
    .name = "customer_orders",
    .from = "order",
    .on = "order.submitted, order.item_added, order.paid, order.cancelled",
    .tables = tables,
    .apply = apply,
};
