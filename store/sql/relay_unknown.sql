-- relay_unknown: positions, event ids. Those of them that the store does not have, each with the last
-- position that the store has given away and its number in the list, from 1.
SELECT p.position, (SELECT last_value FROM weir.event_position), p.number
FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS p(position, event_id, number)
WHERE NOT EXISTS (SELECT FROM weir.events e WHERE e.position = p.position AND e.event_id = p.event_id)
ORDER BY p.position DESC
