-- projection_rows: schema of the tables. The statement that reads every row of every table: table, primary
-- key as JSON (NULL: it has none), row as JSON; in an order that no collation changes. NULL without tables.
SELECT 'SELECT name, key, line FROM (' || string_agg(
           format('SELECT %L::text AS name, %s AS key, row_to_json(r)::text AS line FROM %I.%I r',
                  c.relname,
                  coalesce('(SELECT row_to_json(k)::text FROM (SELECT ' || k.columns || ') k)', 'NULL::text'),
                  $1::text, c.relname),
           ' UNION ALL ' ORDER BY c.relname)
       || ') tables ORDER BY name COLLATE "C", coalesce(key, line) COLLATE "C"'
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
LEFT JOIN LATERAL (
    SELECT string_agg(format('r.%I', a.attname), ', ' ORDER BY p.place) AS columns
    FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY AS p(attnum, place), pg_attribute a
    WHERE i.indrelid = c.oid AND i.indisprimary AND p.place <= i.indnkeyatts
      AND a.attrelid = c.oid AND a.attnum = p.attnum) k ON true
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
