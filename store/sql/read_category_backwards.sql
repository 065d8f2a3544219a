-- read_category_backwards: aggregate type, before position, horizon, as of (NULL: now), limit (NULL: none). Falling.
-- To be run after weir.horizon, in a statement of its own. Bounds are rows: see read_category.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE (aggregate_type, position) > ($1::text, 0) AND (aggregate_type, position) <= ($1::text, least($2::bigint - 1, $3::bigint))
  AND aggregate_type BETWEEN $1::text AND $1::text -- for pruning: it sees no rows of columns
  AND ($4::timestamptz IS NULL OR recorded_at <= $4::timestamptz)
ORDER BY aggregate_type DESC, position DESC LIMIT $5::bigint
