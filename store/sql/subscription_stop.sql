-- subscription_stop: subscription, generation, why. Remembers that the runtime stopped it.
UPDATE weir.subscriptions SET stopped_at = now(), stopped_why = $3::text
WHERE subscription = $1::text AND generation = $2::integer
