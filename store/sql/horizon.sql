-- horizon: no parameters. Up to where may be read, and whether all of that is durable already.
SELECT horizon, wal_lsn <= pg_current_wal_flush_lsn() FROM weir.horizon()
