-- rebuild_hold: subscription, generation. Nobody feeds it before the end of the transaction. Up to where it was.
SELECT coalesce(max(c.position), 0)
FROM (SELECT position FROM weir.checkpoints WHERE subscription = $1::text AND generation = $2::integer
      ORDER BY topic, partition, lane FOR UPDATE) c
