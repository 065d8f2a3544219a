-- reach_parked: subscription, generation. How many aggregates are parked.
SELECT count(*) FROM weir.parked WHERE subscription = $1::text AND generation = $2::integer
