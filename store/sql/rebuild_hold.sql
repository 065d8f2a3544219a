-- rebuild_hold: subscription, generation that served, generation that is filled. Nobody feeds the old one before the end of
-- the transaction. Up to which event it was: of those that the new one reads, too.
SELECT coalesce(max((SELECT e.position FROM weir.events e WHERE e.aggregate_type = r.aggregate_type AND e.position <= h.position
                     ORDER BY e.position DESC LIMIT 1)), 0)
FROM (SELECT max(c.position) AS position
      FROM (SELECT position FROM weir.checkpoints WHERE subscription = $1::text AND generation = $2::integer
            ORDER BY topic, partition, lane FOR UPDATE) c) h,
     (SELECT jsonb_array_elements_text(s.definition -> 'from') AS aggregate_type FROM weir.subscriptions s
      WHERE s.subscription = $1::text AND s.generation = $3::integer) r
