-- letter_topic_mark: ids. These are in the topic. Locked in the order in which everybody locks letters.
WITH held AS (SELECT l.id FROM weir.dead_letters l WHERE l.id = ANY ($1::bigint[]) ORDER BY l.id FOR NO KEY UPDATE)
UPDATE weir.dead_letters d SET published_at = clock_timestamp() FROM held WHERE d.id = held.id
