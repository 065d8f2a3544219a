-- projection_record: subscription, generation, definition.
UPDATE weir.subscriptions SET definition = $3::jsonb
WHERE subscription = $1::text AND generation = $2::integer
