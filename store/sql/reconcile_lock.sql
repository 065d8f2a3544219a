-- reconcile_lock: store number. Takes the lock of every relay's shards as the relay itself would; those
-- that somebody holds.
SELECT relay, holder FROM weir.relays
WHERE NOT pg_try_advisory_lock($1::integer, hashtext(relay || '/' || shard)) ORDER BY relay, shard
