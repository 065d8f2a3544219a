-- projection: balances
-- from: account
-- apply: aggregate
-- One row an account: a sum, a count and what was last, as a statement of account would show.
CREATE TABLE balances (
    id             text PRIMARY KEY,
    balance        numeric NOT NULL,
    movements      bigint NOT NULL,
    last_reference text NOT NULL,
    last_note      text NOT NULL,
    last_at        timestamptz NOT NULL
);

-- on: account.*
INSERT INTO balances AS b (id, balance, movements, last_reference, last_note, last_at)
SELECT aggregate_id, (data->>'amount')::numeric, 1, data->>'reference', data->>'note', time FROM events
ON CONFLICT (id) DO UPDATE SET
    balance = b.balance + excluded.balance, movements = b.movements + 1,
    last_reference = excluded.last_reference, last_note = excluded.last_note, last_at = excluded.last_at;
