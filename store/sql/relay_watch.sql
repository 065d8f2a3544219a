-- relay_watch: relay, shard. What a standby sees of the shard's holder: shard, epoch, heartbeat, process
-- id of the session that holds the lock (0: nobody), whether the last one stopped cleanly.
SELECT r.shard, r.epoch, coalesce(r.heartbeat_at::text, ''), coalesce(h.pid, 0), r.clean
FROM weir.relays r LEFT JOIN weir.relay_holders() h ON h.relay = r.relay AND h.shard = r.shard
WHERE r.relay = $1::text AND r.shard = $2::integer
