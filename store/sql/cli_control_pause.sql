-- cli_control_pause: subscriptions, one a line (NULL: all). Pauses them and raises their epochs, so that no transaction
-- that has begun can move a checkpoint. Subscription, generation, whether it was at work before.
WITH paused AS (
    UPDATE weir.subscriptions s SET paused_at = clock_timestamp(), paused_by = session_user
    WHERE s.serving AND s.paused_at IS NULL
      AND ($1::text IS NULL OR s.subscription = ANY (string_to_array($1::text, E'\n')))
    RETURNING s.subscription, s.generation),
held AS (
    SELECT c.subscription, c.generation, c.topic, c.partition, c.lanes, c.lane
    FROM weir.checkpoints c JOIN paused p USING (subscription, generation)
    ORDER BY c.subscription, c.topic, c.partition, c.lanes, c.lane FOR UPDATE OF c),
raised AS (
    UPDATE weir.checkpoints c SET epoch = c.epoch + 1 FROM held h
    WHERE c.subscription = h.subscription AND c.generation = h.generation AND c.topic = h.topic
      AND c.partition = h.partition AND c.lanes = h.lanes AND c.lane = h.lane)
SELECT s.subscription, s.generation, s.paused_at IS NULL
FROM weir.subscriptions s
WHERE s.serving AND ($1::text IS NULL OR s.subscription = ANY (string_to_array($1::text, E'\n')))
ORDER BY s.subscription
