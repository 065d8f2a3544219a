-- projection_insert: subscription, generation, whether it serves, definition.
INSERT INTO weir.subscriptions (subscription, generation, kind, serving, definition, served_at)
VALUES ($1::text, $2::integer, 'projection', $3::boolean, $4::jsonb, CASE WHEN $3::boolean THEN clock_timestamp() END)
