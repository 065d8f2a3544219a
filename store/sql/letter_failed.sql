-- letter_failed: id, error class, error text, seconds between redrives. It goes on waiting, and the next
-- redrive is as the schedule has it; after its end, by hand.
WITH letter AS (
    UPDATE weir.dead_letters
    SET mark = NULL, attempts = attempts + 1, last_at = clock_timestamp(), error_class = $2::text, error_text = $3::text,
        cause = CASE cause WHEN 'behind' THEN 'refused' ELSE cause END
    WHERE id = $1::bigint
    RETURNING id, subscription, generation, aggregate_type, aggregate_id
), logged AS (
    INSERT INTO weir.dead_letter_log (letter, action, detail) SELECT id, 'failed', $3::text FROM letter
)
UPDATE weir.parked p
SET redrives = p.redrives + 1,
    next_redrive_at = clock_timestamp() + ($4::integer[])[p.redrives + 2] * interval '1 second'
FROM letter l
WHERE (p.subscription, p.generation, p.aggregate_type, p.aggregate_id)
    = (l.subscription, l.generation, l.aggregate_type, l.aggregate_id)
