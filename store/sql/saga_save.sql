-- saga_save: saga, instances as a JSON array of objects. timer 0: as it is, 1: none, 2: in due_ms.
UPDATE weir.sagas s
SET version = r.version, definition = r.definition, state = r.state, step = r.step, attempt = r.attempt, waiting = r.waiting,
    data = r.data, reason = r.reason, correlation_id = r.correlation_id, request_id = r.request_id, trouble = NULL,
    updated_at = clock_timestamp(),
    due_at = CASE r.timer WHEN 0 THEN s.due_at WHEN 2 THEN clock_timestamp() + r.due_ms * interval '1 ms' END
FROM jsonb_to_recordset($2::jsonb)
     AS r(id text, version bigint, definition integer, state text, step text, attempt integer, waiting boolean, data jsonb,
          reason text, correlation_id text, request_id uuid, timer integer, due_ms bigint)
WHERE s.saga = $1::text AND s.id = r.id
