-- cli_projection_status: subscription. Its serving generation; no row if it never started. A process
-- that runs it is connected under its name.
SELECT s.generation, s.stopped_at, s.stopped_why, coalesce(sum(c.events), 0)::bigint,
       to_char(max(c.last_processed_at), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       EXISTS (SELECT FROM pg_stat_activity a
               WHERE a.datname = current_database() AND a.application_name = 'weir ' || $1::text)
FROM weir.subscriptions s
LEFT JOIN weir.checkpoints c USING (subscription, generation)
WHERE s.subscription = $1::text AND s.serving
GROUP BY s.subscription, s.generation
