-- cli_saga_history: saga, id, correlation id or NULL. Every event of its stream and of its conversation, with the
-- one that began it, in order.
SELECT position, to_char(recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), aggregate_type, aggregate_id, version, event_type,
       event_id, metadata ->> 'causationid', data
FROM weir.events WHERE aggregate_type = $1::text AND aggregate_id = $2::text
UNION
SELECT position, to_char(recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), aggregate_type, aggregate_id, version, event_type,
       event_id, metadata ->> 'causationid', data
FROM weir.events WHERE metadata ->> 'correlationid' = $3::text AND metadata ? 'correlationid'
UNION
SELECT position, to_char(recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), aggregate_type, aggregate_id, version, event_type,
       event_id, metadata ->> 'causationid', data
FROM weir.events
WHERE event_id = CASE WHEN $3::text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN $3::uuid END
ORDER BY 1
