-- letter_applied: id. What waits behind it is due at once; if nothing does, its aggregate is not parked any more. Whether
-- something does.
WITH letter AS (
    UPDATE weir.dead_letters SET status = 'applied', mark = NULL, attempts = attempts + 1, last_at = clock_timestamp()
    WHERE id = $1::bigint
    RETURNING id, subscription, generation, aggregate_type, aggregate_id
), logged AS (
    INSERT INTO weir.dead_letter_log (letter, action) SELECT id, 'applied' FROM letter
), more AS (
    SELECT EXISTS (SELECT FROM weir.dead_letters d JOIN letter l USING (subscription, generation, aggregate_type, aggregate_id)
                   WHERE d.status = 'waiting' AND d.id <> l.id) AS waiting
), due AS (
    UPDATE weir.parked p SET next_redrive_at = clock_timestamp(), redrives = 0
    FROM letter l, more
    WHERE (p.subscription, p.generation, p.aggregate_type, p.aggregate_id)
        = (l.subscription, l.generation, l.aggregate_type, l.aggregate_id) AND more.waiting
), free AS (
    DELETE FROM weir.parked p USING letter l, more
    WHERE (p.subscription, p.generation, p.aggregate_type, p.aggregate_id)
        = (l.subscription, l.generation, l.aggregate_type, l.aggregate_id) AND NOT more.waiting
)
SELECT waiting FROM more
