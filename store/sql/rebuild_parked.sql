-- rebuild_parked: subscription, generation that serves, generation that is filled. How many aggregates are parked in the
-- new one; how many of them only there; one of these, with the handler's words.
SELECT count(*), count(*) FILTER (WHERE o.subscription IS NULL),
       (SELECT format('%s/%s: %s', d.aggregate_type, d.aggregate_id, d.error_text) FROM weir.dead_letters d
        WHERE d.subscription = $1::text AND d.generation = $3::integer AND d.status = 'waiting' AND d.cause <> 'behind'
          AND NOT EXISTS (SELECT FROM weir.parked p WHERE p.subscription = $1::text AND p.generation = $2::integer
                            AND p.aggregate_type = d.aggregate_type AND p.aggregate_id = d.aggregate_id)
        ORDER BY d.id LIMIT 1)
FROM weir.parked n
LEFT JOIN weir.parked o ON o.subscription = n.subscription AND o.generation = $2::integer
                       AND o.aggregate_type = n.aggregate_type AND o.aggregate_id = n.aggregate_id
WHERE n.subscription = $1::text AND n.generation = $3::integer
