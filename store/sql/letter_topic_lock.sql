-- letter_topic_lock: subscription. Whether this transaction is the one that publishes its letters. A statement of
-- its own, so that the next one sees what the last holder committed.
SELECT pg_try_advisory_xact_lock(hashtext('weir letters'), hashtext($1::text || '/' || 'weir.dead_letters'::regclass::oid))
