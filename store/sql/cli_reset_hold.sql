-- cli_reset_hold: subscription. Holds its serving row and that one's checkpoints for a moment at most. Generation, kind,
-- whether it is paused, whether a process that runs it is connected. No row: there is none.
WITH patience AS (SELECT set_config('lock_timeout', '10s', true) AS ms),
s AS (SELECT s.* FROM weir.subscriptions s, patience WHERE s.subscription = $1::text AND s.serving FOR NO KEY UPDATE OF s),
held AS (
    SELECT c.lane FROM weir.checkpoints c JOIN s USING (subscription, generation)
    ORDER BY c.topic, c.partition, c.lanes, c.lane FOR UPDATE OF c)
SELECT s.generation, s.kind, s.paused_at IS NOT NULL,
       EXISTS (SELECT FROM pg_stat_activity a
               WHERE a.datname = current_database()
                 AND (a.application_name = 'weir ' || s.subscription
                      OR starts_with(a.application_name, 'weir ' || s.subscription || '/'))),
       (SELECT count(*) FROM held)
FROM s
