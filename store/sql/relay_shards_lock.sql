-- relay_shards_lock: store number, relay. One relay at a time looks at the number of shards.
SELECT pg_advisory_xact_lock($1::integer, hashtext('shards of ' || $2::text))
