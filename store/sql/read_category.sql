-- read_category: aggregate type, after position, horizon, as of (NULL: now), limit (NULL: none). Rising.
-- To be run after weir.horizon, in a statement of its own. The bounds are rows, so that only the index on
-- just these columns serves them: given plain conditions, a plan walks all positions and drops what others wrote.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE (aggregate_type, position) > ($1::text, $2::bigint) AND (aggregate_type, position) <= ($1::text, $3::bigint)
  AND aggregate_type BETWEEN $1::text AND $1::text -- for pruning: it sees no rows of columns
  AND ($4::timestamptz IS NULL OR recorded_at <= $4::timestamptz)
ORDER BY aggregate_type, position LIMIT $5::bigint
