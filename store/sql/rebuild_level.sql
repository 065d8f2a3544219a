-- rebuild_level: subscription, generation that served, generation that is filled from the topics, position up to which
-- everything was in the topics before their ends were read. Whether the new one has all that the old one has: it has
-- read as far, and what the old one has beyond that came from the store and is no event of that partition.
SELECT coalesce(bool_and(CASE WHEN o.topic = '$store' THEN o.position <= $4::bigint
                              ELSE n.next_offset >= o.next_offset AND greatest(n.position, $4::bigint) >= o.position END
                         IS TRUE), true)
FROM (SELECT c.topic, c.partition, max(c.next_offset) AS next_offset, max(c.position) AS position FROM weir.checkpoints c
      WHERE c.subscription = $1::text AND c.generation = $2::integer AND c.next_offset > -2
      GROUP BY 1, 2) o
LEFT JOIN (SELECT c.topic, c.partition, min(c.next_offset) AS next_offset, min(c.position) AS position
           FROM weir.checkpoints c WHERE c.subscription = $1::text AND c.generation = $3::integer
           GROUP BY 1, 2) n USING (topic, partition)
