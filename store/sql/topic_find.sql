-- topic_find: aggregate type.
SELECT topic, partitions, generation FROM weir.topics WHERE aggregate_type = $1::text
