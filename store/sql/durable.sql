-- durable: a place in the WAL. Whether it is flushed up to there.
SELECT $1::pg_lsn <= pg_current_wal_flush_lsn()
