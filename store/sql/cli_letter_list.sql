-- cli_letter_list: subscription or NULL, aggregate type or NULL, aggregate id, status or NULL (all), most. Letters by id,
-- with what is planned for their parked aggregate.
SELECT l.id, l.subscription, l.generation, l.topic, l.partition, l.message_offset, l.position, l.aggregate_type,
       l.aggregate_id, l.version, l.event_type, l.cause, l.status, l.mark, l.error_class, l.error_text, l.attempts,
       to_char(l.first_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), to_char(l.last_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       p.redrives, to_char(p.next_redrive_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), l.edited IS NOT NULL
FROM weir.dead_letters l
LEFT JOIN weir.parked p ON l.status = 'waiting' AND p.subscription = l.subscription AND p.generation = l.generation
                       AND p.aggregate_type = l.aggregate_type AND p.aggregate_id = l.aggregate_id
WHERE ($1::text IS NULL OR l.subscription = $1::text)
  AND ($2::text IS NULL OR (l.aggregate_type = $2::text AND l.aggregate_id = $3::text))
  AND ($4::text IS NULL OR l.status = $4::text)
ORDER BY l.id LIMIT $5::bigint
