-- topic_find: aggregate type.
SELECT topic, partitions FROM weir.topics WHERE aggregate_type = $1::text
