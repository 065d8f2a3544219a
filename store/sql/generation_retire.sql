-- generation_retire: subscription, generation. It serves no more; no row if it did not.
UPDATE weir.subscriptions SET serving = false
WHERE subscription = $1::text AND generation = $2::integer AND serving RETURNING generation
