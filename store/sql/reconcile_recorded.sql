-- reconcile_recorded: topic. Per partition the farthest that any relay has recorded.
SELECT partition, max(position), max(next_offset) FROM weir.relay_partitions WHERE topic = $1::text GROUP BY partition
