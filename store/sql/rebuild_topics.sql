-- rebuild_topics: subscription, generation. The recorded topics of the aggregate types that it reads.
SELECT t.topic FROM weir.topics t
JOIN weir.subscriptions s ON s.definition -> 'from' ? t.aggregate_type
WHERE s.subscription = $1::text AND s.generation = $2::integer
ORDER BY 1
