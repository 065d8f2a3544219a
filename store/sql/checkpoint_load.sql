-- checkpoint_load: subscription, generation, topics. Every row of those topics, lane by lane.
SELECT topic, partition, lanes, lane, next_offset, position, epoch
FROM weir.checkpoints
WHERE subscription = $1::text AND generation = $2::integer AND topic = ANY ($3::text[])
ORDER BY topic, partition, lanes, lane
