-- read_correlation_backwards: correlation id, before position, horizon, as of (NULL: now), limit (NULL: none). Falling.
-- To be run after weir.horizon, in a statement of its own. Bounds are rows: see read_category.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE ((metadata ->> 'correlationid'), position) > ($1::text, 0) AND ((metadata ->> 'correlationid'), position) <= ($1::text, least($2::bigint - 1, $3::bigint))
  AND metadata ? 'correlationid'
  AND ($4::timestamptz IS NULL OR recorded_at <= $4::timestamptz)
ORDER BY (metadata ->> 'correlationid') DESC, position DESC LIMIT $5::bigint
