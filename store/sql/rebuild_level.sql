-- rebuild_level: subscription, generation that served, generation that is filled from the topics, position up to which
-- everything was in the topics before their ends were read. Whether the new one has all that the old one has of the
-- topics that it reads: it has read as far, and what the old one has beyond that came from the store and is no event of
-- that partition. Where it has read nothing there was nothing up to the end but marks of transactions, unless a relay
-- says that it has written there.
WITH reads AS (
    SELECT t.topic FROM weir.topics t
    JOIN weir.subscriptions s ON s.definition -> 'from' ? t.aggregate_type
    WHERE s.subscription = $1::text AND s.generation = $3::integer
), filled AS (
    SELECT c.topic, c.partition, min(c.next_offset) AS next_offset, min(c.position) AS position
    FROM weir.checkpoints c WHERE c.subscription = $1::text AND c.generation = $3::integer
    GROUP BY 1, 2
)
SELECT (SELECT coalesce(bool_and(CASE WHEN o.topic = '$store' THEN o.position <= $4::bigint
                                      ELSE (coalesce(n.next_offset, 0) <= 0 OR n.next_offset >= o.next_offset)
                                           AND greatest(n.position, $4::bigint) >= o.position END), true)
        FROM (SELECT c.topic, c.partition, max(c.next_offset) AS next_offset, max(c.position) AS position
              FROM weir.checkpoints c
              WHERE c.subscription = $1::text AND c.generation = $2::integer AND c.next_offset > -2
                AND (c.topic = '$store' OR c.topic IN (SELECT topic FROM reads))
              GROUP BY 1, 2) o
        LEFT JOIN filled n USING (topic, partition))
   AND NOT EXISTS (SELECT FROM weir.relay_partitions r JOIN reads USING (topic) LEFT JOIN filled n USING (topic, partition)
                   WHERE r.position > 0 AND coalesce(n.next_offset, 0) <= 0)
