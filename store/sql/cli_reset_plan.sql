-- cli_reset_plan: subscription, generation, goal (NULL: before everything). For every partition of a recorded topic: where
-- it stands (its last lane), the last event that counts as applied, how many are applied again (from the beginning: as many
-- as were applied), how many never, how many waiting letters go, whether it goes back; all that as JSON, for cli_reset_apply.
WITH lane AS (
    SELECT c.topic, c.partition, c.lanes, c.lane, c.position, c.events FROM weir.checkpoints c
    WHERE c.subscription = $1::text AND c.generation = $2::integer),
part AS (
    SELECT l.topic, l.partition, min(l.position) AS low, max(l.position) AS high, sum(l.events)::bigint AS events
    FROM lane l GROUP BY 1, 2),
source AS (
    SELECT t.topic, t.aggregate_type, t.partitions FROM weir.topics t
    UNION ALL
    SELECT '$store', f, 1 FROM weir.subscriptions s, jsonb_array_elements_text(s.definition -> 'from') f
    WHERE s.subscription = $1::text AND s.generation = $2::integer),
goal AS (
    SELECT p.topic, p.partition, p.low, p.high, p.events, coalesce(max(e.position), 0) AS target
    FROM part p JOIN source s USING (topic)
    LEFT JOIN LATERAL (
        SELECT e.position FROM weir.events e
        WHERE e.aggregate_type = s.aggregate_type AND e.position <= $3::bigint
          AND (s.partitions = 1 OR weir.key_hash(e.aggregate_id) % s.partitions = p.partition)
        ORDER BY e.position DESC LIMIT 1) e ON true
    GROUP BY p.topic, p.partition, p.low, p.high, p.events)
SELECT g.topic, g.partition, g.low, g.target, CASE WHEN $3::bigint IS NULL THEN g.events ELSE n.again END, n.skipped,
       w.letters, g.target < g.high,
       jsonb_build_object('topic', g.topic, 'partition', g.partition, 'target', g.target, 'back', g.target < g.high)
FROM goal g,
LATERAL (SELECT count(*) FILTER (WHERE e.position > g.target) AS again,
                count(*) FILTER (WHERE e.position <= g.target) AS skipped
         FROM source s JOIN weir.events e USING (aggregate_type), LATERAL (SELECT weir.key_hash(e.aggregate_id) AS hash) k
         JOIN lane l ON l.topic = g.topic AND l.partition = g.partition
         WHERE $3::bigint IS NOT NULL AND s.topic = g.topic AND k.hash % s.partitions = g.partition AND k.hash / s.partitions % l.lanes = l.lane
           AND e.position > least(g.low, g.target) AND e.position <= greatest(g.high, g.target)
           AND e.position > least(l.position, g.target) AND e.position <= greatest(l.position, g.target)) n,
LATERAL (SELECT count(*) AS letters FROM weir.dead_letters d
         WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.status = 'waiting' AND d.topic = g.topic
           AND d.partition = g.partition AND coalesce(d.position > g.target, g.target < g.high)) w
ORDER BY 1, 2
