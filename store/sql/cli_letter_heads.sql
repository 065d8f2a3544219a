-- cli_letter_heads: ids. The first waiting letter of each of their aggregates: with it a retry begins.
SELECT coalesce(array_agg(h.id ORDER BY h.id), '{}')
FROM (SELECT DISTINCT l.subscription, l.generation, l.aggregate_type, l.aggregate_id
      FROM weir.dead_letters l WHERE l.id = ANY ($1::bigint[])) a,
LATERAL (SELECT l.id FROM weir.dead_letters l
         WHERE l.subscription = a.subscription AND l.generation = a.generation AND l.aggregate_type = a.aggregate_type
           AND l.aggregate_id = a.aggregate_id AND l.status = 'waiting'
         ORDER BY l.id LIMIT 1) h
