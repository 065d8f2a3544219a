-- relay_lead: relay, shard, number of shards, holder. Takes over under a new epoch; says what the
-- predecessor left. No row: the number of shards has changed.
UPDATE weir.relays r
SET epoch = r.epoch + 1, clean = false, holder = $4::text, started_at = now(), heartbeat_at = now()
FROM weir.relays before
WHERE r.relay = $1::text AND r.shard = $2::integer AND r.shards = $3::integer
  AND before.relay = r.relay AND before.shard = r.shard
RETURNING r.epoch, r.position, before.clean
