-- subscription_published: topic, partition. The position up to which a relay has published there.
SELECT coalesce(max(position), 0) FROM weir.relay_partitions WHERE topic = $1::text AND partition = $2::integer
