-- generation_keep: oid of a view, oid of the table whose columns are kept (0: all). The statements that give a view of
-- the same name back what DROP takes: grants and comments.
WITH view AS (
    SELECT c.oid, c.relowner, c.relacl, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid
), columns AS (
    SELECT a.attname, a.attnum, a.attacl FROM pg_attribute a
    WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
      AND ($2::oid = 0 OR EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = $2::oid AND t.attname = a.attname
                                                               AND t.attnum > 0 AND NOT t.attisdropped))
), granted AS (
    SELECT '' AS part, e.* FROM view, aclexplode(view.relacl) AS e
    UNION ALL
    SELECT format(' (%I)', c.attname), e.* FROM columns c, aclexplode(c.attacl) AS e
)
SELECT format('GRANT %s%s ON TABLE %s TO %s%s', g.privilege_type, g.part, view.name,
              CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
              CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
FROM view, granted g WHERE g.grantee <> view.relowner
UNION ALL
SELECT format('COMMENT ON VIEW %s IS %L', view.name, obj_description(view.oid, 'pg_class'))
FROM view WHERE obj_description(view.oid, 'pg_class') IS NOT NULL
UNION ALL
SELECT format('COMMENT ON COLUMN %s.%I IS %L', view.name, c.attname, col_description(view.oid, c.attnum))
FROM view, columns c WHERE col_description(view.oid, c.attnum) IS NOT NULL
