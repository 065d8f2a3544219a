-- projection_changes: schema of the tables. The statement that says what changed since change $1: table, primary key
-- (NULL: it has none), row before (NULL: inserted), row after (NULL: deleted), the last change so far; by table and
-- key, in an order that no collation changes. What came and went again did not change. The upper bound is for the
-- planner: without statistics it takes a third of all rows to lie beyond a lower one.
SELECT format($f$
    WITH seen AS (SELECT * FROM %1$I."weir changes" WHERE n > $1::bigint AND n <= $1::bigint + 1000000000), rows AS (
        SELECT name, key, (array_agg(before ORDER BY n))[1] AS before, (array_agg(after ORDER BY n DESC))[1] AS after
        FROM seen WHERE key IS NOT NULL GROUP BY name, key
        UNION ALL
        SELECT name, NULL, CASE WHEN net < 0 THEN line END, CASE WHEN net > 0 THEN line END
        FROM (SELECT name, coalesce(before, after) AS line, sum(CASE WHEN after IS NULL THEN -1 ELSE 1 END) AS net
              FROM seen WHERE key IS NULL GROUP BY 1, 2) s, generate_series(1, abs(net))
    )
    SELECT name, key, before, after, (SELECT max(n) FROM seen) FROM rows WHERE before IS DISTINCT FROM after
    ORDER BY name COLLATE "C", coalesce(key, before, after) COLLATE "C"$f$, $1::text)
