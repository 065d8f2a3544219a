-- projection_schema: schema. Whether it holds anything; no row when it does not exist.
SELECT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid)
       OR EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid)
       OR EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid)
FROM pg_namespace n WHERE n.nspname = $1::text
