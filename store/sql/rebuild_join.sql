-- rebuild_join: subscription, generation that served, generation that was filled from the store. The new one goes on
-- in each topic of its own where the old one stood, with all that it has from the store applied.
INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane, next_offset, position)
SELECT $1::text, $3::integer, c.topic, c.partition, 1, 0, greatest(min(c.next_offset), -1),
       (SELECT max(s.position) FROM weir.checkpoints s
        WHERE s.subscription = $1::text AND s.generation = $3::integer AND s.topic = '$store')
FROM weir.checkpoints c
JOIN weir.topics t USING (topic)
JOIN weir.subscriptions n ON n.subscription = $1::text AND n.generation = $3::integer
                         AND n.definition -> 'from' ? t.aggregate_type
WHERE c.subscription = $1::text AND c.generation = $2::integer
GROUP BY c.topic, c.partition
ON CONFLICT DO NOTHING
