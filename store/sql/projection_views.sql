-- projection_views: schema of the views, schema of the tables. One statement per table, with explicit
-- columns, so that a later generation can replace what the view reads.
SELECT format('CREATE VIEW %I.%I AS SELECT %s FROM %I.%I', $1::text, c.relname,
              string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), $2::text, c.relname)
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $2::text
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
GROUP BY c.relname ORDER BY c.relname
