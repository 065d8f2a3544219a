-- projection_watch: schema of the tables. Statements that have every row that is inserted, updated or deleted from then
-- on written down in "weir changes" there: table, primary key as JSON (NULL: it has none), row before, row after.
WITH tables AS (
    SELECT c.oid, c.relname, n.nspname, format('%I."weir changes"', n.nspname) AS changes,
           format('%I.%I', n.nspname, 'weir watch ' || c.oid) AS watcher, k.olds, k.news
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1::text
    LEFT JOIN LATERAL (
        SELECT string_agg(format('old.%I', a.attname), ', ' ORDER BY p.place) AS olds,
               string_agg(format('new.%I', a.attname), ', ' ORDER BY p.place) AS news
        FROM pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY AS p(attnum, place), pg_attribute a
        WHERE i.indrelid = c.oid AND i.indisprimary AND p.place <= i.indnkeyatts
          AND a.attrelid = c.oid AND a.attnum = p.attnum) k ON true
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
), made AS (
    SELECT 0 AS step, format('CREATE TABLE %I."weir changes" (n bigserial PRIMARY KEY, name text, key text, before text, after text)',
                             $1::text) AS statement
    UNION ALL
    SELECT 1, format($f$CREATE FUNCTION %1$s() RETURNS trigger LANGUAGE plpgsql AS $w$
        BEGIN
            IF TG_OP <> 'INSERT' THEN
                INSERT INTO %2$s (name, key, before) VALUES (%3$L, %4$s, row_to_json(old)::text);
            END IF;
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO %2$s (name, key, after) VALUES (%3$L, %5$s, row_to_json(new)::text);
            END IF;
            RETURN NULL;
        END $w$$f$, watcher, changes, relname,
        coalesce('(SELECT row_to_json(k)::text FROM (SELECT ' || olds || ') k)', 'NULL'),
        coalesce('(SELECT row_to_json(k)::text FROM (SELECT ' || news || ') k)', 'NULL'))
    FROM tables
    UNION ALL
    SELECT 2, format('CREATE TRIGGER "weir watch" AFTER INSERT OR UPDATE OR DELETE ON %I.%I FOR EACH ROW EXECUTE FUNCTION %s()',
                     nspname, relname, watcher)
    FROM tables
)
SELECT statement FROM made ORDER BY step
