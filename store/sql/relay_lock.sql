-- relay_lock: store number, relay. Two-key locks are another space than the fence's one-key locks.
SELECT pg_try_advisory_lock($1::integer, hashtext($2::text))
