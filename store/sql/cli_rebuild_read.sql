-- cli_rebuild_read: subscription, generation. The partitions of which it has applied something, and how far it has read them.
SELECT c.topic, c.partition, max(c.next_offset) FROM weir.checkpoints c
WHERE c.subscription = $1::text AND c.generation = $2::integer AND c.topic <> '$store' AND c.position > 0
GROUP BY 1, 2 ORDER BY 1, 2
