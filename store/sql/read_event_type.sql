-- read_event_type: event type, after position, horizon, as of (NULL: now), limit (NULL: none). Rising.
-- To be run after weir.horizon, in a statement of its own. Bounds are rows: see read_category.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE (event_type, position) > ($1::text, $2::bigint) AND (event_type, position) <= ($1::text, $3::bigint)
  AND ($4::timestamptz IS NULL OR recorded_at <= $4::timestamptz)
ORDER BY event_type, position LIMIT $5::bigint
