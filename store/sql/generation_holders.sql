-- generation_holders: projection. Sessions that hold a lock on its views or tables, the oldest transaction first: pid, user,
-- application, seconds since the transaction began (NULL: hidden from this role).
SELECT a.pid, coalesce(a.usename, '?'), coalesce(a.application_name, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::bigint
FROM pg_stat_activity a
WHERE a.pid <> pg_backend_pid()
  AND EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE l.pid = a.pid AND l.granted
                AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                AND n.nspname ~ ('^' || $1::text || '(__g[0-9]+)?$'))
ORDER BY a.xact_start NULLS LAST, a.pid LIMIT 5
