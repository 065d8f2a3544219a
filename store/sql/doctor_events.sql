-- doctor_events: aggregate type (NULL: all), latest events of each event type, or of that aggregate type (NULL: all of
-- them), bytes a payload may have, most event types (NULL: all). One row for each event type and schema version: events;
-- shapes (sets of the data's top-level names), the commonest and the rarest; events with larger payloads, the largest one's
-- bytes and "TYPE/ID version N"; events without correlationid and the latest of them; the latest event.
WITH RECURSIVE types(event_type) AS (
    (SELECT e.event_type FROM weir.events e WHERE $1::text IS NULL ORDER BY e.event_type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.event_type FROM weir.events e WHERE e.event_type > t.event_type ORDER BY e.event_type LIMIT 1)
    FROM types t WHERE t.event_type IS NOT NULL),
sample AS (
    SELECT s.* FROM (SELECT t.event_type FROM types t WHERE t.event_type IS NOT NULL LIMIT $4::bigint) t
    CROSS JOIN LATERAL (
        SELECT e.event_type, e.schema_version, e.position, e.aggregate_type, e.aggregate_id, e.version, e.data, e.data_binary,
               e.metadata
        FROM weir.events e
        WHERE (e.event_type, e.position) > (t.event_type, 0) AND (e.event_type, e.position) <= (t.event_type, 9223372036854775807)
        ORDER BY e.event_type DESC, e.position DESC LIMIT $2::bigint) s
    UNION ALL
    (SELECT e.event_type, e.schema_version, e.position, e.aggregate_type, e.aggregate_id, e.version, e.data, e.data_binary,
            e.metadata
     FROM weir.events e
     WHERE (e.aggregate_type, e.position) > ($1::text, 0) AND (e.aggregate_type, e.position) <= ($1::text, 9223372036854775807)
     ORDER BY e.aggregate_type DESC, e.position DESC LIMIT $2::bigint)),
facts AS (
    SELECT s.event_type, s.schema_version, s.position,
           aggregate_type || '/' || aggregate_id || ' version ' || version AS name,
           coalesce(octet_length(s.data::text), octet_length(s.data_binary))::bigint AS bytes,
           coalesce(s.metadata ->> 'correlationid', '') = '' AS alone,
           CASE jsonb_typeof(s.data) WHEN 'object' THEN ARRAY(SELECT jsonb_object_keys(s.data))::text
                                     ELSE jsonb_typeof(s.data) END AS shape
    FROM sample s),
shapes AS (
    SELECT event_type, schema_version, shape, count(*) AS events,
           count(*) FILTER (WHERE bytes > $3::bigint) AS large,
           max(lpad(bytes::text, 20, '0') || name COLLATE "C") FILTER (WHERE bytes > $3::bigint) AS largest,
           count(*) FILTER (WHERE alone) AS alone,
           max(lpad(position::text, 20, '0') || name COLLATE "C") FILTER (WHERE alone) AS latest_alone,
           max(lpad(position::text, 20, '0') || name COLLATE "C") AS latest
    FROM facts GROUP BY event_type, schema_version, shape)
SELECT event_type, schema_version, sum(events)::bigint, count(shape),
       substr(max(lpad(events::text, 20, '0') || left(shape, 200) COLLATE "C"), 21),
       substr(min(lpad(events::text, 20, '0') || left(shape, 200) COLLATE "C"), 21),
       sum(large)::bigint, left(max(largest), 20)::bigint, substr(max(largest), 21),
       sum(alone)::bigint, substr(max(latest_alone), 21), substr(max(latest), 21)
FROM shapes GROUP BY event_type, schema_version ORDER BY event_type, schema_version
