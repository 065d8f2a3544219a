-- generation_views: projection, generation that serves (0: none), generation to come. What becomes of each view: oid,
-- quoted name, change, columns concerned, owner, the statement after CREATE [OR REPLACE], the oid of the new table (0:
-- none). Existing columns keep their order, new ones come last. A view that was altered by hand reads otherwise than ours.
WITH ours AS (
    SELECT $1::text AS views, $1::text || '__g' || $2::text AS old, $1::text || '__g' || $3::text AS new
), tables AS (
    SELECT n.nspname, c.relname, c.oid
    FROM ours, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN (ours.old, ours.new) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
), pairs AS (
    SELECT ours.views AS schema, names.relname, ours.old AS old_schema, old.oid AS old, ours.new AS new_schema, new.oid AS new,
           v.oid AS view, v.relkind, coalesce(v.relowner, n.nspowner) AS owner,
           coalesce(' WITH (' || array_to_string(v.reloptions, ', ') || ')', '') AS options
    FROM ours CROSS JOIN (SELECT DISTINCT relname FROM tables) AS names
    LEFT JOIN tables old ON old.nspname = ours.old AND old.relname = names.relname
    LEFT JOIN tables new ON new.nspname = ours.new AND new.relname = names.relname
    LEFT JOIN pg_namespace n ON n.nspname = ours.views
    LEFT JOIN pg_class v ON v.relnamespace = n.oid AND v.relname = names.relname
    WHERE new.oid IS NOT NULL OR v.oid IS NOT NULL
), kept AS (
    SELECT p.relname, string_agg(quote_ident(v.attname), ', ' ORDER BY v.attnum) AS all_of_them,
           string_agg(quote_ident(v.attname), ', ' ORDER BY v.attnum) FILTER (WHERE t.attname IS NULL) AS removed,
           string_agg(format('%I (%s, now %s)', v.attname, format_type(v.atttypid, v.atttypmod),
                             format_type(t.atttypid, t.atttypmod)), ', ' ORDER BY v.attnum)
               FILTER (WHERE (v.atttypid, v.atttypmod, v.attcollation) <> (t.atttypid, t.atttypmod, t.attcollation)) AS retyped
    FROM pairs p JOIN pg_attribute v ON v.attrelid = p.view AND v.attnum > 0 AND NOT v.attisdropped
    LEFT JOIN pg_attribute t ON t.attrelid = p.new AND t.attname = v.attname AND t.attnum > 0 AND NOT t.attisdropped
    GROUP BY p.relname
), wanted AS (
    SELECT p.relname, string_agg(quote_ident(t.attname), ', ' ORDER BY v.attnum NULLS LAST, t.attnum) AS all_of_them,
           string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum) FILTER (WHERE v.attname IS NULL) AS added
    FROM pairs p JOIN pg_attribute t ON t.attrelid = p.new AND t.attnum > 0 AND NOT t.attisdropped
    LEFT JOIN pg_attribute v ON v.attrelid = p.view AND v.attname = t.attname AND v.attnum > 0 AND NOT v.attisdropped
    GROUP BY p.relname
), judged AS (
    SELECT p.*, k.removed, k.retyped, w.added, w.all_of_them,
           replace(regexp_replace(pg_get_viewdef(CASE WHEN p.relkind = 'v' THEN p.view END), '\s+', ' ', 'g'),
                   ' ' || quote_ident(p.relname) || '.', ' ')
               <> replace(format(' SELECT %s FROM %I.%I;', k.all_of_them, p.old_schema, p.relname),
                          ' ' || quote_ident(p.relname) || '.', ' ') AS altered
    FROM pairs p LEFT JOIN kept k USING (relname) LEFT JOIN wanted w USING (relname)
)
SELECT view, format('%I.%I', schema, relname),
       CASE WHEN view IS NULL THEN 'new'
            WHEN relkind <> 'v' OR old IS NULL THEN 'taken'
            WHEN new IS NULL THEN 'gone'
            WHEN altered THEN 'altered'
            WHEN removed IS NOT NULL THEN 'removed'
            WHEN retyped IS NOT NULL THEN 'retyped'
            WHEN added IS NOT NULL THEN 'added'
            ELSE 'same' END,
       CASE WHEN relkind <> 'v' OR view IS NULL OR new IS NULL THEN '' ELSE concat_ws(', ', removed, retyped, added) END,
       pg_get_userbyid(owner),
       CASE WHEN new IS NOT NULL
            THEN format('VIEW %I.%I%s AS SELECT %s FROM %I.%I', schema, relname, options, all_of_them, new_schema, relname)
            END,
       coalesce(new, 0)
FROM judged ORDER BY relname
