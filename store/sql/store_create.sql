-- store_create: store number, max event bytes, append idle timeout in ms.
INSERT INTO weir.store (store_number, max_event_bytes, append_idle_timeout_ms)
VALUES ($1::integer, $2::integer, $3::integer)
