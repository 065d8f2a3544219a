-- cli_stream_show: aggregate type, aggregate id. No row if there is no such aggregate.
SELECT s.version, sum(e.events)::bigint, sum(e.bytes)::bigint,
       to_char(min(e.first_time), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(max(e.last_time), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       min(e.first_position), max(e.last_position), jsonb_object_agg(e.event_type, e.events)
FROM weir.streams s
JOIN (SELECT event_type, count(*) AS events, min(time) AS first_time, max(time) AS last_time,
             min(position) AS first_position, max(position) AS last_position,
             sum(coalesce(octet_length(data::text), octet_length(data_binary))) AS bytes
      FROM weir.events WHERE aggregate_type = $1::text AND aggregate_id = $2::text
      GROUP BY event_type) e ON true
WHERE s.aggregate_type = $1::text AND s.aggregate_id = $2::text
GROUP BY s.version
