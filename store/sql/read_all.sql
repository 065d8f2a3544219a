-- read_all: after position, horizon, limit. To be run after weir.horizon, in a statement of its own.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, data_binary, content_type, metadata, time, recorded_at
FROM weir.events
WHERE position > $1::bigint AND position <= $2::bigint
ORDER BY position LIMIT $3::bigint
