-- verify_originals: position. What a rewritten event was before each of its rewrites.
SELECT position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
       data, encode(data_binary, 'hex'), content_type, metadata,
       (extract(epoch FROM time) * 1000000)::bigint, (extract(epoch FROM recorded_at) * 1000000)::bigint
FROM weir.rewrites WHERE position = $1::bigint
