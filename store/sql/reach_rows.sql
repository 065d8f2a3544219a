-- reach_rows: subscription, generation, aggregate types. Up to where each partition and lane of each type was
-- applied. A type whose recorded topic has no rows may have been read from the store itself, in a partition 0
-- of no recorded topic.
WITH rows AS (
    SELECT * FROM weir.checkpoints WHERE subscription = $1::text AND generation = $2::integer
), recorded AS (
    SELECT t.aggregate_type, t.partitions, r.partition, r.lanes, r.lane, r.position
    FROM weir.topics t JOIN rows r ON r.topic = t.topic WHERE t.aggregate_type = ANY ($3::text[])
)
SELECT aggregate_type, partitions, partition, lanes, lane, position FROM recorded
UNION ALL
SELECT w.aggregate_type, 1, r.partition, r.lanes, r.lane, r.position
FROM unnest($3::text[]) AS w(aggregate_type) CROSS JOIN rows r
WHERE r.partition = 0 AND NOT EXISTS (SELECT FROM weir.topics t WHERE t.topic = r.topic)
  AND NOT EXISTS (SELECT FROM recorded d WHERE d.aggregate_type = w.aggregate_type)
