-- store_number_free: no parameters. The lowest number that no store of this database has; every store
-- says its number in its schema's comment, which all may read.
SELECT min(n) FROM generate_series(1, 32767) n
WHERE NOT EXISTS (SELECT FROM pg_namespace
                  WHERE obj_description(oid, 'pg_namespace') ~ ('^weir store number ' || n || '$'))
