-- generation_session: lock_timeout. For the rest of the transaction: how long anything waits for a lock, and no
-- search_path, so that views are printed with all names qualified.
SELECT set_config('lock_timeout', $1::text, true), set_config('search_path', 'pg_catalog, pg_temp', true)
