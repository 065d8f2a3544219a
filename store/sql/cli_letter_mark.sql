-- cli_letter_mark: ids, action, ids that were asked for, what was asked for. Marks the first for the runtime, and notes
-- it for the second, too. Whether all were marked: not if the runtime was quicker.
WITH held AS (SELECT l.id FROM weir.dead_letters l WHERE l.id = ANY ($1::bigint[]) ORDER BY l.id FOR UPDATE),
marked AS (
    UPDATE weir.dead_letters l SET mark = $2::text FROM held h WHERE l.id = h.id AND l.status = 'waiting' RETURNING l.id),
noted AS (
    INSERT INTO weir.dead_letter_log (letter, action, detail)
    SELECT m.id, $2::text, $4::text FROM marked m
    UNION ALL
    SELECT a, $2::text, 'an earlier one of its aggregate was marked: letters are tried in order'
    FROM unnest($3::bigint[]) a WHERE a <> ALL ($1::bigint[]))
SELECT count(*) = (SELECT count(DISTINCT i) FROM unnest($1::bigint[]) i) FROM marked
