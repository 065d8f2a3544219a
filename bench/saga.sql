-- The statements that one transition of a saga consists of: an answer has come, and the next step is asked for. One round
-- trip, as weir's; :n counts the instances. Run by pgbench over one connection against weir's own tables and indexes.
\set n :n + 1
\startpipeline
BEGIN;
UPDATE weir.checkpoints SET next_offset = next_offset + 1, position = position + 1, events = events + 1, last_processed_at = clock_timestamp() WHERE subscription = 'fulfilment' AND generation = 1 AND topic = :topic AND partition = 0 AND lanes = 1 AND lane = 0 AND epoch = epoch;
SELECT id, version, definition, state, step, attempt, waiting, data, reason, correlation_id, request_id FROM weir.sagas WHERE saga = 'fulfilment' AND id = 'o-' || :n FOR UPDATE;
UPDATE weir.sagas SET version = version + 2, step = 'charge', attempt = 1, data = data || '{"reserve": {"order": "o-1", "shelf": 1}}', request_id = gen_random_uuid(), updated_at = clock_timestamp(), due_at = clock_timestamp() + interval '1 minute' WHERE saga = 'fulfilment' AND id = 'o-' || :n;
INSERT INTO weir.streams AS s (aggregate_type, aggregate_id, version) VALUES ('fulfilment', 'o-' || :n, 2) ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = s.version + excluded.version;
INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version, data, content_type, metadata, time, recorded_at) SELECT nextval('weir.event_position'), 'fulfilment', 'o-' || :n, 2 + e.nr, gen_random_uuid(), e.type, 1, e.data, 'application/json', e.metadata, clock_timestamp(), clock_timestamp() FROM (VALUES (1, 'fulfilment.step_completed', '{"step": "reserve", "by": "stock.reserved", "answer": {"order": "o-1", "shelf": 1}}'::jsonb, '{"correlationid": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10", "causationid": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a11"}'::jsonb), (2, 'bank.charge_requested', '{"order": "o-1", "sum": 5}', '{"saga_step": "charge", "saga_attempt": 1, "correlationid": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a10", "causationid": "018f4e6e-0c6b-7d5e-9f63-2f6a1d3c9a11"}')) AS e(nr, type, data, metadata);
COMMIT;
\endpipeline
