-- generation_bare: quoted name of a relation just made. The statements that take away what default privileges gave.
SELECT DISTINCT format('REVOKE ALL ON TABLE %s FROM %s', $1::text,
                       CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END)
FROM pg_class c, aclexplode(c.relacl) AS e
WHERE c.oid = $1::text::regclass AND e.grantee <> c.relowner
