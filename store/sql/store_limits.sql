-- store_limits: max event bytes, append idle timeout in ms.
UPDATE weir.store SET max_event_bytes = $1::integer, append_idle_timeout_ms = $2::integer
WHERE (max_event_bytes, append_idle_timeout_ms) IS DISTINCT FROM ($1::integer, $2::integer)
