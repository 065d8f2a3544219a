-- letter_discard: subscription, generation, aggregate type, aggregate id. Those that a person marked so; what
-- waited behind them is due at once; if nothing does, the aggregate is not parked any more.
-- Whether something waits.
WITH letter AS (
    UPDATE weir.dead_letters d SET status = 'discarded', mark = NULL, last_at = clock_timestamp()
    WHERE d.subscription = $1::text AND d.generation = $2::integer
      AND d.aggregate_type = $3::text AND d.aggregate_id = $4::text AND d.status = 'waiting' AND d.mark = 'discard'
    RETURNING d.id
), logged AS (
    INSERT INTO weir.dead_letter_log (letter, action) SELECT id, 'discarded' FROM letter
), more AS (
    SELECT EXISTS (SELECT FROM weir.dead_letters d
                   WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.aggregate_type = $3::text
                     AND d.aggregate_id = $4::text AND d.status = 'waiting'
                     AND d.id NOT IN (SELECT id FROM letter)) AS waiting
), due AS (
    UPDATE weir.parked p SET next_redrive_at = clock_timestamp()
    FROM more
    WHERE p.subscription = $1::text AND p.generation = $2::integer AND p.aggregate_type = $3::text
      AND p.aggregate_id = $4::text AND more.waiting AND EXISTS (SELECT FROM letter)
), free AS (
    DELETE FROM weir.parked p USING more
    WHERE p.subscription = $1::text AND p.generation = $2::integer AND p.aggregate_type = $3::text
      AND p.aggregate_id = $4::text AND NOT more.waiting
)
SELECT waiting FROM more
