-- relay_reshape: relay, number of shards. Every shard begins at the lowest old cursor: the topics' tails
-- tell what was published beyond it. No epoch is ever used again.
WITH old AS (
    SELECT coalesce(max(epoch) + 1, 0) AS epoch, coalesce(min(position), 0) AS position,
           coalesce(sum(published), 0) AS published, coalesce(bool_and(clean), true) AS clean
    FROM weir.relays WHERE relay = $1::text
), gone AS (
    DELETE FROM weir.relays WHERE relay = $1 AND shard >= $2::integer
)
INSERT INTO weir.relays (relay, shard, shards, epoch, position, sent, published, clean)
SELECT $1, n, $2, old.epoch, old.position, old.position, CASE n WHEN 0 THEN old.published ELSE 0 END, old.clean
FROM old, generate_series(0, $2 - 1) n
ON CONFLICT (relay, shard) DO UPDATE SET
    shards = excluded.shards, epoch = excluded.epoch, position = excluded.position, sent = excluded.sent,
    published = excluded.published, clean = excluded.clean,
    transactional_id = NULL, holder = NULL, started_at = NULL, heartbeat_at = NULL
