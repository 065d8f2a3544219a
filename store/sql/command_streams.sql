-- command_streams: aggregate type, ids as a JSON array. The events of these aggregates, in the order of ids and versions,
-- all as texts: aggregate id, position, version, event id, type, schema version, data, or binary data as base64, content
-- type, metadata, its time and when it was recorded in microseconds since 1970. The order inside leaves one index to choose,
-- also for a plan that is made while the store is empty.
SELECT s.id, e.position, e.version, e.event_id, e.event_type, e.schema_version, e.data::text,
       translate(encode(e.data_binary, 'base64'), E'\n', ''), e.content_type, e.metadata::text,
       (extract(epoch FROM e.time) * 1000000)::bigint || ' ' || (extract(epoch FROM e.recorded_at) * 1000000)::bigint
FROM jsonb_array_elements_text($2::jsonb) AS s(id),
LATERAL (SELECT x.* FROM weir.events x WHERE x.aggregate_type = $1::text AND x.aggregate_id = s.id AND x.version > 0
         ORDER BY x.version OFFSET 0) e
ORDER BY s.id COLLATE "C", e.version
