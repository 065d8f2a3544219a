-- relay_transactions: relay, epoch, transactional id that may have transactions, or null. No row: somebody else leads.
UPDATE weir.relays SET transactional_id = $3::text, heartbeat_at = now()
WHERE relay = $1::text AND epoch = $2::bigint
RETURNING epoch
