-- relay_evict: relay, shard, epoch, heartbeat and process id as they were seen. Ends the session that
-- holds the shard's lock, unless anything of that has moved: a heartbeat waits for this row or comes
-- before it. `weir topic reconcile` holds it on purpose.
WITH stale AS MATERIALIZED (
    SELECT relay, shard FROM weir.relays
    WHERE relay = $1::text AND shard = $2::integer
      AND epoch = $3::bigint AND coalesce(heartbeat_at::text, '') = $4::text
    FOR UPDATE
)
SELECT pg_terminate_backend(h.pid)
FROM stale JOIN weir.relay_holders() h ON h.relay = stale.relay AND h.shard = stale.shard
JOIN pg_stat_activity a ON a.pid = h.pid AND a.application_name <> 'weir topic reconcile'
WHERE h.pid = $5::integer
