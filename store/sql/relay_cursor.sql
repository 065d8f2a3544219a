-- relay_cursor: relay, epoch, cursor, events published since the last call, nothing is in flight,
-- then per changed partition topic, partition, position, next offset; last event handed to Kafka. No row: somebody else leads.
WITH led AS (
    UPDATE weir.relays
    SET position = $3::bigint, published = published + $4::bigint, clean = $5::boolean, sent = $10::bigint, heartbeat_at = now()
    WHERE relay = $1::text AND epoch = $2::bigint
    RETURNING relay
), moved AS (
    INSERT INTO weir.relay_partitions (relay, topic, partition, position, next_offset)
    SELECT led.relay, p.*
    FROM led, unnest($6::text[], $7::integer[], $8::bigint[], $9::bigint[]) AS p
    ON CONFLICT (relay, topic, partition) DO UPDATE
    SET position = excluded.position, next_offset = excluded.next_offset
)
SELECT relay FROM led
