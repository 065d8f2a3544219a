-- letter_topic_read: subscription, most letters, most bytes (the first letter is read whatever its size). The next
-- letters for the topic, in the order of their ids: the message as it came, then what the topic says about it.
SELECT d.id, d.key, d.value, d.header_names, d.header_values, d.topic, d.partition::text, d.message_offset::text,
       d.cause, d.error_class, d.error_text, d.attempts::text,
       to_char(d.first_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), d.id::text
FROM (SELECT n.*, sum(n.size) OVER (ORDER BY n.id) - n.size AS before
      FROM (SELECT l.*, coalesce(octet_length(l.value), 0) + pg_column_size(l.header_values) AS size
            FROM weir.dead_letters l
            WHERE l.subscription = $1::text AND l.published_at IS NULL
            ORDER BY l.id LIMIT $2::integer) n) d
WHERE d.before = 0 OR d.before < $3::bigint
ORDER BY d.id
