-- reconcile_generation: aggregate type, topic, partitions, generation before. A row: it is the next one.
UPDATE weir.topics
SET topic = $2::text, partitions = $3::integer, generation = generation + 1, accepted = 0, recorded_at = now()
WHERE aggregate_type = $1::text AND generation = $4::integer
RETURNING generation
