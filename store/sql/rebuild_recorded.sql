-- rebuild_recorded: subscription, generation. The last settled event of the aggregate types that it reads; 0: none.
SELECT coalesce(max((SELECT e.position FROM weir.events e WHERE e.aggregate_type = r.aggregate_type AND e.position <= h.horizon
                     ORDER BY e.position DESC LIMIT 1)), 0)
FROM weir.horizon() h,
     (SELECT jsonb_array_elements_text(s.definition -> 'from') AS aggregate_type FROM weir.subscriptions s
      WHERE s.subscription = $1::text AND s.generation = $2::integer) r
