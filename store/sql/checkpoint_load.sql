-- checkpoint_load: subscription, generation, topics. Every partition's row of those topics.
SELECT topic, partition, next_offset, position, epoch
FROM weir.checkpoints
WHERE subscription = $1::text AND generation = $2::integer AND topic = ANY ($3::text[])
  AND lanes = 1 AND lane = 0
ORDER BY topic, partition
