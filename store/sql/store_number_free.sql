-- store_number_free: no parameters. The lowest number that no store of this database has; every store
-- says its number in its schema's comment, which all may read.
WITH taken AS (
    SELECT substring(obj_description(oid, 'pg_namespace') FROM '^weir store number ([0-9]{1,5})$')::integer AS number
    FROM pg_namespace
)
SELECT min(n) FROM generate_series(1, 32767) n WHERE NOT EXISTS (SELECT FROM taken WHERE taken.number = n)
