-- generation_schema_owner: schema. Who owns it; no row when there is none.
SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace n WHERE n.nspname = $1::text
