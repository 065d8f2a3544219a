-- store_identity: no parameters.
SELECT store_id, store_number, max_event_bytes FROM weir.store
