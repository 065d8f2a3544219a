-- subscription_topics: aggregate types. The recorded topics of those that have one.
SELECT topic, max(partitions) AS partitions, count(*) AS types
FROM weir.topics
WHERE aggregate_type = ANY ($1::text[])
GROUP BY topic ORDER BY topic
