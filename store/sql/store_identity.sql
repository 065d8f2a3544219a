-- store_identity: no parameters. The last is another when the schema was restored or made anew.
SELECT store_id, store_number, max_event_bytes, 'weir.events'::regclass::oid FROM weir.store
