-- cli_letter_select: subscription or NULL, aggregate type or NULL, aggregate id. The letters that wait, and whether there
-- is a subscription of that name.
SELECT (SELECT coalesce(array_agg(l.id ORDER BY l.id), '{}') FROM weir.dead_letters l
        WHERE l.status = 'waiting' AND ($1::text IS NULL OR l.subscription = $1::text)
          AND ($2::text IS NULL OR (l.aggregate_type = $2::text AND l.aggregate_id = $3::text))),
       $1::text IS NULL OR EXISTS (SELECT FROM weir.subscriptions s WHERE s.subscription = $1::text)
