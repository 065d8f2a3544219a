-- relay_unknown: positions, event ids. Those of them that the store does not have.
SELECT p.position, (SELECT last_value FROM weir.event_position)
FROM unnest($1::bigint[], $2::uuid[]) AS p(position, event_id)
WHERE NOT EXISTS (SELECT FROM weir.events e WHERE e.position = p.position AND e.event_id = p.event_id)
ORDER BY p.position DESC
