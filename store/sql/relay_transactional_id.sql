-- relay_transactional_id: relay, shard, epoch. The id that may have transactions, or null. No row: somebody else leads.
SELECT transactional_id FROM weir.relays WHERE relay = $1::text AND shard = $2::integer AND epoch = $3::bigint
