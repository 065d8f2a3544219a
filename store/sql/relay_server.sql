-- relay_server: no parameters. Another text after a restart, a failover, a restored backup: whatever was
-- remembered of the store before is void.
SELECT concat_ws(' ', pg_postmaster_start_time()::text, d.oid, 'weir.events'::regclass::oid)
FROM pg_database d WHERE d.datname = current_database()
