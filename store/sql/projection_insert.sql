-- projection_insert: subscription, definition. Generation 1, serving.
INSERT INTO weir.subscriptions (subscription, generation, kind, serving, definition)
VALUES ($1::text, 1, 'projection', true, $2::jsonb)
