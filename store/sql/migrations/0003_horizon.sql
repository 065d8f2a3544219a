-- 0003_horizon: up to which position a reader may read now without ever missing an event.
--
-- The order of the steps is the proof: the sequence first, then the locks, and the events in a
-- later statement with a later snapshot. A function that is volatile takes a new snapshot for
-- each of its statements in READ COMMITTED only, hence the refusals. wal_lsn is where WAL must be
-- flushed to before what was read is published: an appender may lower synchronous_commit after
-- weir.append, and such a commit is visible before it is durable.

CREATE FUNCTION weir.horizon(OUT horizon bigint, OUT wal_lsn pg_lsn)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lowest bigint;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'reading all events needs READ COMMITTED, not %', upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'WV005', HINT = 'An older snapshot could miss events that committed meanwhile.';
    ELSIF pg_is_in_recovery() THEN
        RAISE EXCEPTION 'reading all events needs the primary, this server is a standby'
            USING ERRCODE = 'WV005', HINT = 'The locks that fence readers exist on the primary only.';
    END IF;
    SELECT last_value INTO horizon FROM weir.event_position;
    SELECT min((l.classid::bigint << 32 | l.objid::bigint) & 281474976710655) INTO lowest
        FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
          AND l.classid::bigint >> 16 = weir.store_number();
    horizon := least(horizon, lowest);
    wal_lsn := pg_current_wal_insert_lsn();
END $$;
COMMENT ON FUNCTION weir.horizon IS
    'every position at or below horizon is visible to the next statement, or never will be';
