-- horizon: no parameters. Up to where may be read, how far WAL must be flushed first, and whether it is.
SELECT horizon, wal_lsn, wal_lsn <= pg_current_wal_flush_lsn() FROM weir.horizon()
