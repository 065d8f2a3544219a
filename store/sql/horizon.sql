-- horizon: no parameters. Up to where may be read, how far WAL must be flushed first, whether it is, and of
-- which table, as in store_identity.
SELECT horizon, wal_lsn, wal_lsn <= pg_current_wal_flush_lsn(), 'weir.events'::regclass::oid FROM weir.horizon()
