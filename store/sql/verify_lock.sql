-- verify_lock: store number. Only one repair of a store at a time.
SELECT pg_try_advisory_lock($1::integer, hashtext('weir verify topics --repair'))
