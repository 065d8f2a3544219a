-- checkpoint_create: subscription, generation, topics, partitions. One lane a partition; those
-- there are stay, and a topic that was left for another since gets none.
INSERT INTO weir.checkpoints (subscription, generation, topic, partition)
SELECT $1::text, $2::integer, p.topic, p.partition
FROM unnest($3::text[], $4::integer[]) AS p(topic, partition)
WHERE p.topic IN (SELECT t.topic FROM weir.topics t)
ON CONFLICT DO NOTHING
