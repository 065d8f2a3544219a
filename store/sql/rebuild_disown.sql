-- rebuild_disown: subscription, generation, why. It is not gone on with: the next rebuild drops it and begins anew.
UPDATE weir.subscriptions SET definition = definition || jsonb_build_object('refused', $3::text), stopped_at = now(), stopped_why = $3::text
WHERE subscription = $1::text AND generation = $2::integer AND NOT serving
