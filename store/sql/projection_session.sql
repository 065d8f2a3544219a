-- projection_session: role, search_path, statement timeout in ms, plan_cache_mode, whether for this
-- transaction only.
SELECT set_config('role', $1::text, $5::boolean),
       set_config('search_path', $2::text, $5::boolean),
       set_config('statement_timeout', $3::text, $5::boolean),
       set_config('plan_cache_mode', $4::text, $5::boolean),
       set_config('lock_timeout', '0', $5::boolean)
