-- read_all_backwards: before position, horizon, as of (NULL: now), limit (NULL: none). Falling in position.
-- To be run after weir.horizon, in a statement of its own.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE position <= least($1::bigint - 1, $2::bigint)
  AND ($3::timestamptz IS NULL OR recorded_at <= $3::timestamptz)
ORDER BY position DESC LIMIT $4::bigint
