-- reconcile_carry: aggregate type, topic before, topic now (may be the same), per partition now the
-- position below which both hold the same (0: nothing is known). Every reader of the one gets rows for the
-- other: from its first offset, knowing what was applied, if all of that is in the store; else rows that
-- say that it cannot go on (-2). A row for each reader: its name and whether it goes on.
WITH readers AS (
    SELECT c.subscription, c.generation, bool_and(c.next_offset > -2 AND (c.position = 0
               OR c.position < coalesce(($4::bigint[])[c.partition + 1], 0) AND EXISTS (
                   SELECT FROM weir.events e WHERE e.position = c.position AND e.aggregate_type = $1::text))) AS same
    FROM weir.checkpoints c WHERE c.topic = $2::text
    GROUP BY c.subscription, c.generation
), made AS (
    INSERT INTO weir.checkpoints AS made (subscription, generation, topic, partition, lanes, lane, next_offset, position, events)
    SELECT r.subscription, r.generation, $3::text, p.number, coalesce(c.lanes, 1), coalesce(c.lane, 0),
           CASE WHEN r.same THEN 0 ELSE -2 END, coalesce(c.position, 0), coalesce(c.events, 0)
    FROM readers r CROSS JOIN generate_series(0, cardinality($4::bigint[]) - 1) AS p(number)
    LEFT JOIN weir.checkpoints c ON c.subscription = r.subscription AND c.generation = r.generation
        AND c.topic = $2::text AND c.partition = p.number
    ON CONFLICT (subscription, generation, topic, partition, lanes, lane)
        DO UPDATE SET next_offset = excluded.next_offset, epoch = made.epoch + 1
)
SELECT subscription, same FROM readers ORDER BY subscription, generation
