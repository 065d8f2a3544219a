-- topic_record: aggregate type, topic, partitions. What is recorded already stays.
INSERT INTO weir.topics (aggregate_type, topic, partitions) VALUES ($1::text, $2::text, $3::integer)
ON CONFLICT (aggregate_type) DO NOTHING
