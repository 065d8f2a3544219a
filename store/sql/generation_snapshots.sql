-- generation_snapshots: limit (an xid, NULL: the next one), sessions ("pid virtualxid", NULL: all). Those that hold a
-- snapshot which may be older than the limit: the limit, session, pid, user, application, seconds since its transaction began
-- (NULL: hidden from this role). Autovacuum and VACUUM read no views.
WITH bound AS (
    SELECT coalesce($1::text::xid,
                    (pg_snapshot_xmax(pg_current_snapshot())::text::bigint % 4294967296)::text::xid) AS xid
)
SELECT b.xid, a.pid || ' ' || l.virtualxid, a.pid, a.usename, coalesce(a.application_name, ''),
       extract(epoch FROM clock_timestamp() - a.xact_start)::bigint
FROM bound b, pg_stat_activity a
JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction AND l.granted
WHERE a.datname = current_database() AND a.usesysid IS NOT NULL AND a.pid <> pg_backend_pid()
  AND age(a.backend_xmin) >= age(b.xid)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_vacuum v WHERE v.pid = a.pid)
  AND ($2::text[] IS NULL OR a.pid || ' ' || l.virtualxid = ANY ($2::text[]))
ORDER BY a.xact_start NULLS LAST, a.pid
