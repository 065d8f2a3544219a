-- projection_outside: schema. A relation outside of it that this transaction made or altered.
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ($1::text, 'pg_toast')
  AND (c.xmin = pg_current_xact_id()::xid
       OR EXISTS (SELECT FROM pg_attribute a
                  WHERE a.attrelid = c.oid AND a.xmin = pg_current_xact_id()::xid))
LIMIT 1
