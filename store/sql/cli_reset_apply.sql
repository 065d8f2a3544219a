-- cli_reset_apply: subscription, generation, plan (a JSON array of what cli_reset_plan gives). Sets all lanes of each
-- partition level, lets go of the letters that will come again and of aggregates for which none waits any more.
WITH plan AS (
    SELECT * FROM jsonb_to_recordset($3::jsonb) AS p(topic text, partition integer, target bigint, back boolean, next_offset bigint)),
level AS (
    SELECT c.topic, c.partition, min(c.next_offset) AS next_offset FROM weir.checkpoints c
    WHERE c.subscription = $1::text AND c.generation = $2::integer GROUP BY 1, 2),
moved AS (
    UPDATE weir.checkpoints c
    SET position = p.target, next_offset = coalesce(p.next_offset, CASE WHEN p.back THEN -1 ELSE l.next_offset END), epoch = c.epoch + 1,
        events = CASE WHEN p.target = 0 THEN 0 ELSE c.events END
    FROM plan p JOIN level l USING (topic, partition)
    WHERE c.subscription = $1::text AND c.generation = $2::integer AND c.topic = p.topic AND c.partition = p.partition),
gone AS (
    UPDATE weir.dead_letters d SET status = 'discarded', mark = NULL
    FROM plan p
    WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.status = 'waiting' AND d.topic = p.topic
      AND d.partition = p.partition AND coalesce(d.position > p.target, p.back)
    RETURNING d.id, p.target),
noted AS (
    INSERT INTO weir.dead_letter_log (letter, action, detail)
    SELECT g.id, 'reset', format('%s/%s was set to position %s: it comes again', d.topic, d.partition, g.target)
    FROM gone g JOIN weir.dead_letters d USING (id))
DELETE FROM weir.parked k USING plan p
WHERE k.subscription = $1::text AND k.generation = $2::integer AND k.topic = p.topic AND k.partition = p.partition
  AND NOT EXISTS (SELECT FROM weir.dead_letters d
                  WHERE d.subscription = k.subscription AND d.generation = k.generation
                    AND d.aggregate_type = k.aggregate_type AND d.aggregate_id = k.aggregate_id
                    AND d.status = 'waiting' AND d.id NOT IN (SELECT g.id FROM gone g))
