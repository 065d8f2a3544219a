-- read_all: after position, horizon, as of (NULL: now), limit (NULL: none). Rising in position.
-- To be run after weir.horizon, in a statement of its own.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE position > $1::bigint AND position <= $2::bigint
  AND ($3::timestamptz IS NULL OR recorded_at <= $3::timestamptz)
ORDER BY position LIMIT $4::bigint
