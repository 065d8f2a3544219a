-- schema_usable: schema. May its name stand in SQL as it is, and are there others' things in it?
SELECT quote_ident($1::text) = $1::text,
       count(c.oid) > 0 AND count(*) FILTER (WHERE c.relname = 'migrations') = 0
FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid
WHERE n.nspname = $1::text
