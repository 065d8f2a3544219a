-- cli_letter_effect: ids, action. What marking them so will lead to, an aggregate a row: the first of them, how many
-- letters are to be tried or discarded, how many of the aggregate wait, whether its generation serves.
SELECT f.id, f.subscription, f.aggregate_type, f.aggregate_id, f.version, f.event_type, f.cause, f.error_text,
       CASE WHEN $2::text = 'retry' THEN w.letters ELSE a.letters END, w.letters,
       EXISTS (SELECT FROM weir.subscriptions s WHERE s.subscription = a.subscription AND s.generation = a.generation AND s.serving)
FROM (SELECT l.subscription, l.generation, l.aggregate_type, l.aggregate_id, min(l.id) AS first, count(*) AS letters
      FROM weir.dead_letters l WHERE l.id = ANY ($1::bigint[])
      GROUP BY l.subscription, l.generation, l.aggregate_type, l.aggregate_id) a
JOIN weir.dead_letters f ON f.id = a.first,
LATERAL (SELECT count(*) AS letters FROM weir.dead_letters l
         WHERE l.subscription = a.subscription AND l.generation = a.generation AND l.aggregate_type = a.aggregate_type
           AND l.aggregate_id = a.aggregate_id AND l.status = 'waiting') w
ORDER BY f.id
