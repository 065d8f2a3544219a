-- proof_sample: aggregate types, how many. Aggregates taken at random.
SELECT aggregate_type, aggregate_id FROM weir.streams
WHERE aggregate_type = ANY ($1::text[])
ORDER BY random() LIMIT $2::bigint
