-- relay_transactions: relay, shard, epoch, transactional id that may have transactions, or null. No row: somebody else leads.
UPDATE weir.relays SET transactional_id = $4::text, heartbeat_at = now()
WHERE relay = $1::text AND shard = $2::integer AND epoch = $3::bigint
RETURNING epoch
