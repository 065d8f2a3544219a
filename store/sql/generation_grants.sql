-- generation_grants: projection, generation that serves (0: none), generation to come, who owns new views. The statements,
-- for the owner of the new tables, that let the views' owners read them, and give to others what they have on the old.
WITH schemas AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl, n.nspname = $1::text || '__g' || $2::text AS old
    FROM pg_namespace n WHERE n.nspname IN ($1::text || '__g' || $2::text, $1::text || '__g' || $3::text)
), tables AS (
    SELECT s.old, s.nspname, c.oid, c.relname, c.relowner, c.relacl
    FROM schemas s JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind IN ('r', 'p')
), owners AS (
    SELECT $4::text AS name
    UNION
    SELECT pg_get_userbyid(v.relowner) FROM pg_class v
    WHERE v.relkind = 'v' AND v.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1::text)
), given AS (
    SELECT 1 AS rank, format('USAGE ON SCHEMA %I', s.nspname) AS what, quote_ident(o.name) AS whom, false AS grantable
    FROM schemas s, owners o WHERE NOT s.old
    UNION ALL
    SELECT 2, format('SELECT ON ALL TABLES IN SCHEMA %I', s.nspname), quote_ident(o.name), false
    FROM schemas s, owners o WHERE NOT s.old
    UNION ALL
    SELECT 3, format('%s ON SCHEMA %I', e.privilege_type, new.nspname),
           CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END, e.is_grantable
    FROM schemas old, schemas new, aclexplode(old.nspacl) AS e
    WHERE old.old AND NOT new.old AND e.grantee NOT IN (old.nspowner, new.nspowner)
    UNION ALL
    SELECT 4, format('%s ON TABLE %I.%I', e.privilege_type, new.nspname, new.relname),
           CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END, e.is_grantable
    FROM tables old, tables new, aclexplode(old.relacl) AS e
    WHERE old.old AND NOT new.old AND new.relname = old.relname AND e.grantee NOT IN (old.relowner, new.relowner)
    UNION ALL
    SELECT 5, format('%s (%I) ON TABLE %I.%I', e.privilege_type, b.attname, new.nspname, new.relname),
           CASE WHEN e.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(e.grantee)) END, e.is_grantable
    FROM tables old JOIN pg_attribute a ON a.attrelid = old.oid AND a.attnum > 0 AND NOT a.attisdropped,
         tables new JOIN pg_attribute b ON b.attrelid = new.oid AND b.attnum > 0 AND NOT b.attisdropped,
         aclexplode(a.attacl) AS e
    WHERE old.old AND NOT new.old AND new.relname = old.relname AND b.attname = a.attname
      AND e.grantee NOT IN (old.relowner, new.relowner)
)
SELECT format('GRANT %s TO %s%s', what, whom, CASE WHEN grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM given ORDER BY rank, what, whom
