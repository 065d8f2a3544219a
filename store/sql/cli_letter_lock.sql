-- cli_letter_lock: ids. Locks these letters, in order. Those of them that wait; which do not exist; which wait no more.
WITH found AS (SELECT l.id, l.status FROM weir.dead_letters l WHERE l.id = ANY ($1::bigint[]) ORDER BY l.id FOR UPDATE)
SELECT (SELECT coalesce(array_agg(f.id ORDER BY f.id), '{}') FROM found f WHERE f.status = 'waiting'),
       (SELECT string_agg(i::text, ', ' ORDER BY i) FROM (SELECT DISTINCT unnest($1::bigint[])) AS u(i)
        WHERE i NOT IN (SELECT f.id FROM found f)),
       (SELECT string_agg(format('%s (%s)', f.id, f.status), ', ' ORDER BY f.id) FROM found f WHERE f.status <> 'waiting')
