-- subscription_lead: subscription, generation. Whether this session is the one that reads the store for it. The
-- key space of two integers is not the fence's.
SELECT CASE WHEN EXISTS (SELECT FROM pg_locks l
                         WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid() AND l.objsubid = 2
                           AND l.classid::bigint = k.one::bigint & 4294967295 AND l.objid::bigint = k.other::bigint & 4294967295
                           AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
            THEN true ELSE pg_try_advisory_lock(k.one, k.other) END
FROM (SELECT hashtext('weir source'), hashtext($1::text || '/' || $2::integer || '/' || 'weir.events'::regclass::oid)) AS k(one, other)
