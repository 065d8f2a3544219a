-- topic_type: topic. Whose events it has.
SELECT aggregate_type FROM weir.topics WHERE topic = $1::text
