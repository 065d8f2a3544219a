-- cli_generations: subscription. Its generations, the latest first: number, whether it serves, when it was made, when it
-- last began to serve, events applied, when last, letters that wait, and the events of its aggregate types in the store
-- behind its checkpoint (at most 1000001 are counted). A generation without a checkpoint row is behind all of them.
SELECT s.generation, s.serving, to_char(s.created_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       to_char(s.served_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), coalesce(c.events, 0),
       to_char(c.last_processed_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       (SELECT count(*) FROM weir.dead_letters l
        WHERE l.subscription = s.subscription AND l.generation = s.generation AND l.status = 'waiting'),
       (SELECT count(*)
        FROM (SELECT FROM weir.events e
              WHERE e.position > coalesce(c.position, 0)
                AND e.aggregate_type IN (SELECT jsonb_array_elements_text(s.definition -> 'from'))
              LIMIT 1000001) AS behind)
FROM weir.subscriptions s
LEFT JOIN LATERAL (SELECT sum(c.events)::bigint AS events, max(c.last_processed_at) AS last_processed_at,
                          max(c.position) AS position
                   FROM weir.checkpoints c
                   WHERE c.subscription = s.subscription AND c.generation = s.generation) c ON true
WHERE s.subscription = $1::text
ORDER BY s.generation DESC
