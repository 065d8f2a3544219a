-- checkpoint_open: subscription, generation, topics, partitions, lanes, whether the topics are recorded ones.
SELECT weir.open_checkpoints($1::text, $2::integer, $3::text[], $4::integer[], $5::integer, $6::boolean)
