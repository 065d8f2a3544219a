-- rebuild_lock: subscription. Whether this session is the one that rebuilds it, until it ends.
SELECT pg_try_advisory_lock(hashtext('weir rebuild'), hashtext($1::text))
