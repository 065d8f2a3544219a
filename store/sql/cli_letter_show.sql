-- cli_letter_show: id. All of one letter; key, value and edited value in base64. No row if there is none.
SELECT l.id, l.subscription, l.generation, l.topic, l.partition, l.message_offset, l.position, l.aggregate_type,
       l.aggregate_id, l.version, l.event_id, l.event_type, l.cause, l.status, l.mark, l.error_class, l.error_text,
       l.attempts, to_char(l.first_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(l.last_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), to_char(l.message_time, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(l.published_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), to_char(p.since, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       p.redrives, to_char(p.next_redrive_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       translate(encode(l.key, 'base64'), E'\n', ''), translate(encode(l.value, 'base64'), E'\n', ''),
       translate(encode(l.edited, 'base64'), E'\n', '')
FROM weir.dead_letters l
LEFT JOIN weir.parked p ON l.status = 'waiting' AND p.subscription = l.subscription AND p.generation = l.generation
                       AND p.aggregate_type = l.aggregate_type AND p.aggregate_id = l.aggregate_id
WHERE l.id = $1::bigint
