-- proof_lock: subscription. Only one verification of a projection at a time: they share a scratch schema. Until
-- the end of the session; two-key locks are another space than the fence's.
SELECT pg_try_advisory_lock(hashtext('weir verify projection'), hashtext($1::text))
