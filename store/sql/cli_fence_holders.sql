-- cli_fence_holders: no parameters. Transactions that appended to this store and are still open: no
-- reader of all events sees beyond the lowest floor.
SELECT l.pid, a.usename, a.application_name, a.state,
       extract(epoch FROM clock_timestamp() - a.xact_start),
       min((l.classid::bigint << 32 | l.objid::bigint) & 281474976710655)
FROM pg_locks l
JOIN weir.store s ON l.classid::bigint >> 16 = s.store_number
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY l.pid, a.usename, a.application_name, a.state, a.xact_start
ORDER BY min((l.classid::bigint << 32 | l.objid::bigint) & 281474976710655)
