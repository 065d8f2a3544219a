-- cli_reset_tables: subscription, generation. The statement that empties the tables of a projection; NULL: it has none.
SELECT 'TRUNCATE ' || string_agg(format('%I.%I', n.nspname, c.relname), ', ') || ' RESTART IDENTITY'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text || '__g' || $2::integer AND c.relkind IN ('r', 'p') AND NOT c.relispartition
