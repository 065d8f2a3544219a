-- reconcile_rewind: aggregate type, topic. Every relay reads the type's events from its first on and
-- knows nothing of the topic; whoever led before writes no cursor any more.
WITH forgotten AS (
    UPDATE weir.relay_partitions SET position = 0, next_offset = 0 WHERE topic = $2::text
)
UPDATE weir.relays
SET epoch = epoch + 1,
    position = least(position, (SELECT min(e.position) - 1 FROM weir.events e WHERE e.aggregate_type = $1::text))
