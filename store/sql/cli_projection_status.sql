-- cli_projection_status: subscription. Its serving generation; no row if it never started. A process that runs it is
-- connected under its name, a lane of it under that and a number; who it waits for at a lock, if it does.
SELECT s.generation, s.stopped_at, s.stopped_why, coalesce(sum(c.events), 0)::bigint,
       to_char(max(c.last_processed_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), a.connected,
       to_char(s.paused_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), s.paused_by,
       (SELECT count(*) FROM weir.parked p WHERE p.subscription = s.subscription AND p.generation = s.generation),
       (SELECT count(*) FROM weir.dead_letters l
        WHERE l.subscription = s.subscription AND l.generation = s.generation AND l.status = 'waiting'),
       a.blocked_by
FROM weir.subscriptions s
LEFT JOIN weir.checkpoints c USING (subscription, generation),
LATERAL (SELECT count(*) > 0 AS connected,
                (SELECT string_agg(DISTINCT b::text, ',') FROM unnest(array_agg(a.pid)) AS p(pid),
                        unnest(pg_blocking_pids(p.pid)) AS b) AS blocked_by
         FROM pg_stat_activity a
         WHERE a.datname = current_database()
           AND (a.application_name = 'weir ' || $1::text
                OR starts_with(a.application_name, 'weir ' || $1::text || '/'))) a
WHERE s.subscription = $1::text AND s.serving
GROUP BY s.subscription, s.generation, a.connected, a.blocked_by
