-- verify_events: positions. The events at these positions, whatever the horizon is.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, encode(data_binary, 'hex'), content_type, metadata,
       (extract(epoch FROM time) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint
FROM weir.events WHERE position = ANY ($1::bigint[])
ORDER BY position
