-- refold_schema: schema. Its comment; no row when it does not exist.
SELECT obj_description(n.oid, 'pg_namespace') FROM pg_namespace n WHERE n.nspname = $1::text
