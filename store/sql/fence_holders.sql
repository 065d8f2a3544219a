-- fence_holders: most rows. Open transactions that appended to this store, the one that holds readers of
-- all events back furthest first: process, or global id of a prepared one; user, application, client,
-- state, seconds it is open (or prepared), its floor, and whether we may not see the rest of it.
-- The locks of a prepared transaction have no process; its own transaction id is among them.
WITH locks AS MATERIALIZED (
    SELECT * FROM pg_locks WHERE granted AND locktype IN ('advisory', 'transactionid')
), holders AS (
    SELECT l.pid, l.virtualtransaction, min((l.classid::bigint << 32 | l.objid::bigint) & 281474976710655) AS floor
    FROM locks l
    JOIN weir.store s ON l.classid::bigint >> 16 = s.store_number
    WHERE l.locktype = 'advisory' AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY l.pid, l.virtualtransaction
), prepared AS (
    SELECT l.virtualtransaction, p.gid, p.owner, p.prepared
    FROM locks l JOIN pg_prepared_xacts p ON p.transaction = l.transactionid
    WHERE l.pid IS NULL
)
SELECT h.pid, p.gid, coalesce(a.usename, p.owner), a.application_name,
       CASE WHEN a.query <> '<insufficient privilege>' THEN coalesce(host(a.client_addr), 'local') END,
       CASE WHEN h.pid IS NULL THEN 'prepared' ELSE a.state END,
       extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, p.prepared)),
       h.floor, coalesce(a.query = '<insufficient privilege>', false)
FROM holders h
LEFT JOIN pg_stat_activity a ON a.pid = h.pid
LEFT JOIN prepared p ON h.pid IS NULL AND p.virtualtransaction = h.virtualtransaction
ORDER BY h.floor, h.pid LIMIT $1::bigint
