-- proof_tables: schema of the refold, schema that serves, excluded columns ("column" or "table.column"), whether
-- the refold is of a sample, most rows to list. For each table of the refold: its name; whether the serving one
-- is gone; a statement that counts the rows of both; a statement that lists what differs: kind, key, names of the
-- differing columns, serving row, refolded row (JSON all of them), how many rows differ in all, how many this one
-- stands for.
--
-- By primary key where there is one and no part of it is excluded, else as multisets. Values are the same when
-- their bytes are, or at least their texts: no type needs to know equality, and 1.0 is not 1.00. Of a sample only
-- what the refold has is looked for.
WITH tables AS (
    SELECT c.oid, c.relname, format('%I.%I', $1::text, c.relname) AS refold, format('%I.%I', $2::text, c.relname) AS serving
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
), columns AS (
    SELECT t.*, a.attname, a.attnum, k.place,
           a.attname = ANY ($3::text[]) OR t.relname || '.' || a.attname = ANY ($3::text[]) AS excluded
    FROM tables t
    LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN LATERAL (
        SELECT p.place FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY AS p(attnum, place)
        WHERE i.indrelid = t.oid AND i.indisprimary AND p.place <= i.indnkeyatts AND p.attnum = a.attnum) k ON true
), parts AS (
    SELECT relname, refold, serving,
           coalesce(bool_or(place IS NOT NULL) AND NOT bool_or(place IS NOT NULL AND excluded), false) AS keyed,
           string_agg(format('s.%1$I = f.%1$I', attname), ' AND ' ORDER BY place) FILTER (WHERE place IS NOT NULL) AS matches,
           string_agg(format('coalesce(s.%1$I, f.%1$I) AS %1$I', attname), ', ' ORDER BY place)
               FILTER (WHERE place IS NOT NULL) AS key,
           coalesce(string_agg(format('s.%I', attname), ', ' ORDER BY attnum) FILTER (WHERE NOT excluded), '1 AS one') AS s,
           coalesce(string_agg(format('f.%I', attname), ', ' ORDER BY attnum) FILTER (WHERE NOT excluded), '1 AS one') AS f,
           string_agg(format('CASE WHEN ROW(s.%1$I)::record *<> ROW(f.%1$I)::record AND ROW(s.%1$I)::text <> ROW(f.%1$I)::text'
                             ' THEN %1$L END', attname), ', ' ORDER BY attnum) FILTER (WHERE NOT excluded) AS differing
    FROM columns GROUP BY relname, refold, serving
)
SELECT relname, to_regclass(serving) IS NULL,
       format('SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s)', serving, refold),
       CASE WHEN keyed THEN format(
           'WITH d AS ('
           ' SELECT CASE WHEN f.tableoid IS NULL THEN ''extra'' WHEN s.tableoid IS NULL THEN ''missing'' ELSE ''different'' END AS kind,'
           ' (SELECT row_to_json(k)::text FROM (SELECT %5$s) k) AS key,'
           ' CASE WHEN s.tableoid IS NOT NULL AND f.tableoid IS NOT NULL'
           '  THEN array_to_json(array_remove(ARRAY[%6$s]::text[], NULL))::text END AS columns,'
           ' CASE WHEN s.tableoid IS NOT NULL THEN (SELECT row_to_json(k)::text FROM (SELECT %3$s) k) END AS serving,'
           ' CASE WHEN f.tableoid IS NOT NULL THEN (SELECT row_to_json(k)::text FROM (SELECT %4$s) k) END AS refold'
           ' FROM %1$s s %7$s JOIN %2$s f ON %8$s'
           ' WHERE f.tableoid IS NULL OR s.tableoid IS NULL'
           '  OR ROW(%3$s)::record *<> ROW(%4$s)::record AND ROW(%3$s)::text <> ROW(%4$s)::text)'
           ' SELECT kind, key, columns, serving, refold, count(*) OVER (), 1 FROM d ORDER BY key COLLATE "C" LIMIT %9$s',
           serving, refold, s, f, key, differing, CASE WHEN $4::boolean THEN 'RIGHT' ELSE 'FULL' END, matches, $5::bigint)
       ELSE format(
           'SELECT CASE WHEN n > 0 THEN ''extra'' ELSE ''missing'' END, NULL, NULL, CASE WHEN n > 0 THEN line END,'
           ' CASE WHEN n < 0 THEN line END, sum(abs(n)) OVER (), abs(n) FROM ('
           ' SELECT line, sum(n) AS n FROM ('
           '  SELECT (SELECT row_to_json(k)::text FROM (SELECT %3$s) k) AS line, 1 AS n FROM %1$s s UNION ALL'
           '  SELECT (SELECT row_to_json(k)::text FROM (SELECT %4$s) k), -1 FROM %2$s f) u'
           ' GROUP BY line HAVING sum(n) %5$s 0) v ORDER BY line COLLATE "C" LIMIT %6$s',
           serving, refold, s, f, CASE WHEN $4::boolean THEN '<' ELSE '<>' END, $5::bigint)
       END
FROM parts ORDER BY relname
