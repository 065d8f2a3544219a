-- generation_rows: subscription, definition (NULL: none to compare with). Its generations, the latest first:
-- number, kind, whether it serves, whether it ever did, whether its tables are made by the same statements and
-- version, whether all else is the same, too, and whether the schema of its tables is there.
SELECT s.generation, s.kind, s.serving, s.served_at IS NOT NULL,
       coalesce((s.definition -> 'tables') IS NOT DISTINCT FROM (d.value -> 'tables')
                AND (s.definition -> 'version') IS NOT DISTINCT FROM (d.value -> 'version'), false),
       coalesce(s.definition - 'file' = d.value - 'file', false),
       EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = s.subscription || '__g' || s.generation)
FROM weir.subscriptions s, (SELECT $2::jsonb) AS d(value)
WHERE s.subscription = $1::text
ORDER BY s.generation DESC
