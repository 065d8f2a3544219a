-- command_executed: aggregate type, ids of requests as a JSON array. Those that have caused an event of that type. One
-- index probe an id, whatever the statistics say.
SELECT DISTINCT r.id
FROM jsonb_array_elements_text($2::jsonb) AS r(id),
LATERAL (SELECT x.aggregate_type FROM weir.events x WHERE x.metadata ->> 'causationid' = r.id AND x.metadata ? 'causationid'
         OFFSET 0) e
WHERE e.aggregate_type = $1::text
