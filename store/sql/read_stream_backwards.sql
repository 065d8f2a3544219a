-- read_stream_backwards: aggregate type, aggregate id, from version, to version, as of (NULL: now), limit (NULL: none).
-- Falling in version. As of: what was recorded at or before that time.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE aggregate_type = $1::text AND aggregate_id = $2::text AND version BETWEEN $3::bigint AND $4::bigint
  AND ($5::timestamptz IS NULL OR recorded_at <= $5::timestamptz)
ORDER BY version DESC LIMIT $6::bigint
