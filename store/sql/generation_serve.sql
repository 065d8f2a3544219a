-- generation_serve: subscription, generation. It serves from now on; no row if there is none, or it did before.
UPDATE weir.subscriptions SET serving = true, served_at = clock_timestamp()
WHERE subscription = $1::text AND generation = $2::integer AND NOT serving RETURNING generation
