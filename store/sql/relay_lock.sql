-- relay_lock: store number, relay, shard. Two-key locks are another space than the fence's one-key
-- locks. weir.relay_holders() knows the same key.
SELECT pg_try_advisory_lock($1::integer, hashtext($2::text || '/' || $3::integer))
