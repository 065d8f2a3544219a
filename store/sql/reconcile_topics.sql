-- reconcile_topics: aggregate type, or NULL for all.
SELECT aggregate_type, topic, partitions, generation, accepted
FROM weir.topics WHERE aggregate_type = coalesce($1::text, aggregate_type) ORDER BY aggregate_type
