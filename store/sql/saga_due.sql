-- saga_due: saga, how many, milliseconds. Instances whose timer was due so long ago and that nobody else works on, locked;
-- none while it is paused.
SELECT id, version, definition, state, step, attempt, waiting, data, reason, correlation_id, request_id
FROM weir.sagas
WHERE saga = $1::text AND due_at <= clock_timestamp() - $3::bigint * interval '1 ms'
  AND NOT EXISTS (SELECT FROM weir.subscriptions s WHERE s.subscription = $1::text AND s.paused_at IS NOT NULL)
ORDER BY due_at
LIMIT $2::integer
FOR UPDATE SKIP LOCKED
