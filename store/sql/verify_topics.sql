-- verify_topics: aggregate type (NULL: all). Every aggregate type that has events or a recorded topic.
WITH RECURSIVE stored AS (
    (SELECT s.aggregate_type FROM weir.streams s ORDER BY s.aggregate_type LIMIT 1)
    UNION ALL
    SELECT (SELECT s.aggregate_type FROM weir.streams s WHERE s.aggregate_type > stored.aggregate_type
            ORDER BY s.aggregate_type LIMIT 1)
    FROM stored WHERE stored.aggregate_type IS NOT NULL
), types AS (
    SELECT aggregate_type FROM stored WHERE aggregate_type IS NOT NULL
    UNION
    SELECT aggregate_type FROM weir.topics
)
SELECT y.aggregate_type, t.topic, t.partitions, t.accepted
FROM types y LEFT JOIN weir.topics t USING (aggregate_type)
WHERE $1::text IS NULL OR y.aggregate_type = $1::text
ORDER BY y.aggregate_type
