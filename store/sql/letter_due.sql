-- letter_due: subscription, generation. The aggregates with letters that a person marked or whose time has
-- come, and where they are from; parked ones first that wait longest.
SELECT DISTINCT ON (p.next_redrive_at, d.aggregate_type, d.aggregate_id)
       d.aggregate_type, d.aggregate_id, d.topic, d.partition
FROM weir.dead_letters d
LEFT JOIN weir.parked p USING (subscription, generation, aggregate_type, aggregate_id)
WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.status = 'waiting'
  AND (d.mark IS NOT NULL OR p.next_redrive_at <= clock_timestamp())
ORDER BY p.next_redrive_at NULLS LAST, d.aggregate_type, d.aggregate_id
LIMIT 1000
