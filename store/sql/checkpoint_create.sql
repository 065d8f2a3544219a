-- checkpoint_create: subscription, generation, topics, partitions. One lane a partition; those there are stay.
INSERT INTO weir.checkpoints (subscription, generation, topic, partition)
SELECT $1::text, $2::integer, p.topic, p.partition
FROM unnest($3::text[], $4::integer[]) AS p(topic, partition)
ON CONFLICT DO NOTHING
