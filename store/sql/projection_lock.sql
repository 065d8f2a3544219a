-- projection_lock: subscription. Members that start at once make the tables one after another. The
-- key space of two integers is not the fence's.
SELECT pg_advisory_xact_lock(hashtext('weir projection'), hashtext($1::text))
