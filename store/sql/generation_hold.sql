-- generation_hold: schema. The statement that locks its tables, so that nothing comes to depend on them any more.
SELECT 'LOCK TABLE ' || string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY c.relname)
       || ' IN ACCESS EXCLUSIVE MODE'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') HAVING count(*) > 0
