-- letter_next: subscription, generation, aggregate type, aggregate id. The first letter that waits: id,
-- position, the value to apply, in hex; where its message came from (topic, partition, offset), its key in hex, its
-- time in ms. Nobody edits or marks it before the end of the transaction.
SELECT d.id, d.position, encode(coalesce(d.edited, d.value), 'hex'), d.topic, d.partition, d.message_offset,
       encode(d.key, 'hex'), round(extract(epoch FROM d.message_time) * 1000)::bigint
FROM weir.dead_letters d
WHERE d.subscription = $1::text AND d.generation = $2::integer
  AND d.aggregate_type = $3::text AND d.aggregate_id = $4::text AND d.status = 'waiting'
ORDER BY d.id LIMIT 1 FOR UPDATE
