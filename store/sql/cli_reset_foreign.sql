-- cli_reset_foreign: subscription, generation, what Kafka says: a JSON array of topic, partition, low, high, target (all
-- offsets). As cli_reset_plan, for topics that weir did not write: a position is an offset there. A partition that Kafka
-- does not have begins anew.
WITH kafka AS (
    SELECT * FROM jsonb_to_recordset($3::jsonb) AS k(topic text, partition integer, low bigint, high bigint, target bigint)),
part AS (
    SELECT c.topic, c.partition, min(c.next_offset) AS low, max(c.next_offset) AS high, sum(c.events)::bigint AS events
    FROM weir.checkpoints c
    WHERE c.subscription = $1::text AND c.generation = $2::integer AND c.topic IN (SELECT k.topic FROM kafka k)
    GROUP BY 1, 2),
goal AS (
    SELECT p.topic, p.partition, p.low, p.high, coalesce(k.target, 0) AS target, coalesce(k.target, -1) AS next_offset,
           coalesce(k.low, 0) AS first, coalesce(k.high, 0) AS "end"
    FROM part p LEFT JOIN kafka k USING (topic, partition))
SELECT g.topic, g.partition, greatest(g.low, 0), g.target,
       greatest(least(g.high, g."end") - g.target, 0), greatest(g.target - greatest(g.low, CASE WHEN g.low < 0 THEN g.first END), 0),
       w.letters, g.target < g.high,
       jsonb_build_object('topic', g.topic, 'partition', g.partition, 'target', g.target, 'back', g.target < g.high,
                          'next_offset', g.next_offset)
FROM goal g,
LATERAL (SELECT count(*) AS letters FROM weir.dead_letters d
         WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.status = 'waiting' AND d.topic = g.topic
           AND d.partition = g.partition AND coalesce(d.position > g.target, g.target < g.high)) w
ORDER BY 1, 2
