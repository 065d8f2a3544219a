-- parked_load: subscription, generation. Every aggregate that is parked.
SELECT aggregate_type, aggregate_id, topic, partition FROM weir.parked
WHERE subscription = $1::text AND generation = $2::integer
