-- cli_event_show: aggregate type, aggregate id, version. The event and, if one is recorded, its type's topic.
SELECT e.position, e.event_type, e.schema_version, coalesce(e.data::text, encode(e.data_binary, 'base64')), e.metadata,
       t.topic, t.partitions
FROM weir.events e LEFT JOIN weir.topics t ON t.aggregate_type = e.aggregate_type
WHERE e.aggregate_type = $1::text AND e.aggregate_id = $2::text AND e.version = $3::bigint
