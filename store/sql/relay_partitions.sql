-- relay_partitions: relay.
SELECT topic, partition, position, next_offset FROM weir.relay_partitions WHERE relay = $1::text
