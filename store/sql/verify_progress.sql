-- verify_progress: topic. Up to where relays say that Kafka has acknowledged: per relay the lowest cursor
-- of its shards, and what is recorded per partition of the topic (null: nothing).
SELECT r.position, p.partition, p.position
FROM (SELECT relay, min(position) AS position FROM weir.relays GROUP BY relay) r
LEFT JOIN weir.relay_partitions p ON p.relay = r.relay AND p.topic = $1::text
