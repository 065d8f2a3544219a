-- relay_cursor: relay, shard, epoch, cursor, events published since the last call, nothing is in
-- flight, then per changed partition topic, partition, position, next offset; last event handed to
-- Kafka. No row: somebody else leads.
WITH led AS (
    UPDATE weir.relays
    SET position = $4::bigint, published = published + $5::bigint, clean = $6::boolean, sent = $11::bigint, heartbeat_at = now()
    WHERE relay = $1::text AND shard = $2::integer AND epoch = $3::bigint
    RETURNING relay
), moved AS (
    INSERT INTO weir.relay_partitions (relay, topic, partition, position, next_offset)
    SELECT led.relay, p.*
    FROM led, unnest($7::text[], $8::integer[], $9::bigint[], $10::bigint[]) AS p
    ON CONFLICT (relay, topic, partition) DO UPDATE
    SET position = excluded.position, next_offset = excluded.next_offset
)
SELECT relay FROM led
