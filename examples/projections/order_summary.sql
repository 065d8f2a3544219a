-- One row per order, for the shop's order page.
-- projection: order_summary
-- from: order
-- apply: each
CREATE TABLE orders (
    id           text PRIMARY KEY,
    user_id      text NOT NULL,
    status       text NOT NULL,
    items        integer NOT NULL DEFAULT 0,
    total_cents  bigint NOT NULL DEFAULT 0,
    submitted_at timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    version      bigint NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_id);
COMMENT ON COLUMN orders.version IS 'the order''s version of which this row tells';

CREATE TABLE status_changes (
    order_id text NOT NULL REFERENCES orders,
    version  bigint NOT NULL,
    status   text NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (order_id, version)
);

-- on: order.submitted
INSERT INTO orders (id, user_id, status, submitted_at, updated_at, version)
SELECT aggregate_id, data->>'user_id', 'submitted', time, time, version FROM events;
INSERT INTO status_changes
SELECT aggregate_id, version, 'submitted', time FROM events;

-- on: order.item_added
UPDATE orders o
SET items = items + (e.data->>'quantity')::integer,
    total_cents = total_cents + (e.data->>'quantity')::integer * (e.data->>'price_cents')::bigint,
    updated_at = e.time, version = e.version
FROM events e WHERE o.id = e.aggregate_id;

-- order.paid, order.shipped, order.cancelled: the type's last word is the new status.
-- on: order.*
UPDATE orders o
SET status = split_part(e.event_type, '.', 2), updated_at = e.time, version = e.version
FROM events e WHERE o.id = e.aggregate_id;
INSERT INTO status_changes
SELECT aggregate_id, version, split_part(event_type, '.', 2), time FROM events;

-- query: find_by_id(id)
-- One order, with its changes of status in their order.
SELECT o.*, ARRAY(SELECT s.status FROM status_changes s WHERE s.order_id = o.id ORDER BY s.version) AS statuses
FROM orders o WHERE o.id = :id;

-- query: find_by_user(user_id)
-- A user's orders, the latest first.
SELECT id, status, items, total_cents, submitted_at
FROM orders WHERE user_id = :user_id ORDER BY submitted_at DESC, id;

-- query: list_open(before timestamptz, most integer)
-- Orders that are neither shipped nor cancelled and were submitted before then, the oldest first.
SELECT id, user_id, status, total_cents, submitted_at
FROM orders WHERE status NOT IN ('shipped', 'cancelled') AND submitted_at < :before
ORDER BY submitted_at, id LIMIT :most;

-- query: count_by_status()
-- How many orders stand where, and what they are worth.
SELECT status, count(*) AS orders, sum(total_cents)::bigint AS total_cents
FROM orders GROUP BY status ORDER BY status;
