-- relay_beat: relay, shard, epoch. The holder lives. A row: nobody led since that epoch.
UPDATE weir.relays SET heartbeat_at = now()
WHERE relay = $1::text AND shard = $2::integer AND epoch = $3::bigint
RETURNING epoch
