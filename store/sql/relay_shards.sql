-- relay_shards: relay. What relay_watch says, of every recorded shard, and its transactional id that
-- may have transactions, or null; nobody takes over meanwhile.
WITH mine AS MATERIALIZED (SELECT * FROM weir.relays WHERE relay = $1::text FOR UPDATE)
SELECT m.shard, m.epoch, coalesce(m.heartbeat_at::text, ''), coalesce(h.pid, 0), m.clean, m.transactional_id
FROM mine m LEFT JOIN weir.relay_holders() h ON h.relay = m.relay AND h.shard = m.shard
ORDER BY m.shard
