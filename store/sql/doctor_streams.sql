-- doctor_streams: aggregate type (NULL: all), latest events of each event type, or of that aggregate type, events a stream
-- may have, most event types. Of the aggregates of these events: how many there are, how many are larger, and the three
-- largest, one a row; one row without an aggregate if there is none.
WITH RECURSIVE types(event_type) AS (
    (SELECT e.event_type FROM weir.events e WHERE $1::text IS NULL ORDER BY e.event_type LIMIT 1)
    UNION ALL
    SELECT (SELECT e.event_type FROM weir.events e WHERE e.event_type > t.event_type ORDER BY e.event_type LIMIT 1)
    FROM types t WHERE t.event_type IS NOT NULL),
sample AS (
    SELECT s.* FROM (SELECT t.event_type FROM types t WHERE t.event_type IS NOT NULL LIMIT $4::bigint) t
    CROSS JOIN LATERAL (
        SELECT e.aggregate_type, e.aggregate_id FROM weir.events e
        WHERE (e.event_type, e.position) > (t.event_type, 0) AND (e.event_type, e.position) <= (t.event_type, 9223372036854775807)
        ORDER BY e.event_type DESC, e.position DESC LIMIT $2::bigint) s
    UNION ALL
    (SELECT e.aggregate_type, e.aggregate_id FROM weir.events e
     WHERE (e.aggregate_type, e.position) > ($1::text, 0) AND (e.aggregate_type, e.position) <= ($1::text, 9223372036854775807)
     ORDER BY e.aggregate_type DESC, e.position DESC LIMIT $2::bigint)),
aggregates AS MATERIALIZED (
    SELECT x.aggregate_type, x.aggregate_id,
           (SELECT s.version FROM weir.streams s
            WHERE s.aggregate_type = x.aggregate_type AND s.aggregate_id = x.aggregate_id) AS version
    FROM (SELECT DISTINCT aggregate_type, aggregate_id FROM sample) x)
SELECT n.looked_at, n.larger, g.aggregate_type || '/' || g.aggregate_id, g.version
FROM (SELECT count(*) AS looked_at, count(*) FILTER (WHERE version > $3::bigint) AS larger FROM aggregates) n
LEFT JOIN (SELECT * FROM aggregates WHERE version > $3::bigint
           ORDER BY version DESC, aggregate_type, aggregate_id LIMIT 3) g ON true
ORDER BY g.version DESC, 3
