-- read_type: after position, horizon, limit, aggregate type. Otherwise as read_all.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE position > $1::bigint AND position <= $2::bigint AND aggregate_type = $4::text
ORDER BY position LIMIT $3::bigint
