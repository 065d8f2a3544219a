-- What was paid and refunded per day (UTC): a total over many orders at once.
-- projection: revenue_by_day
-- from: order
-- apply: batch
CREATE TABLE revenue (
    day            date PRIMARY KEY,
    payments       integer NOT NULL DEFAULT 0,
    paid_cents     bigint NOT NULL DEFAULT 0,
    refunded_cents bigint NOT NULL DEFAULT 0
);

-- on: order.paid
INSERT INTO revenue AS r (day, payments, paid_cents)
SELECT time::date, count(*), sum((data->>'amount_cents')::bigint)
FROM events GROUP BY time::date
ON CONFLICT (day) DO UPDATE
SET payments = r.payments + excluded.payments,
    paid_cents = r.paid_cents + excluded.paid_cents;

-- on: order.cancelled
WITH refunds AS (
    SELECT time::date AS day, sum((data->>'refund_cents')::bigint) AS cents
    FROM events WHERE (data->>'refund_cents')::bigint > 0
    GROUP BY time::date
)
INSERT INTO revenue AS r (day, refunded_cents)
SELECT day, cents FROM refunds
ON CONFLICT (day) DO UPDATE SET refunded_cents = r.refunded_cents + excluded.refunded_cents;

-- query: revenue(from date, until date)
-- What each day brought, both days included.
SELECT day, payments, paid_cents, refunded_cents, paid_cents - refunded_cents AS net_cents
FROM revenue WHERE day BETWEEN :from AND :until ORDER BY day;
