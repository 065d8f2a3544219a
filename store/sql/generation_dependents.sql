-- generation_dependents: oids of views. What depends on them, directly or not, the farthest first: its description; and
-- for a plain view, which CREATE VIEW makes whole, oid, quoted name, owner and the statement. Things that a view takes
-- with it when it is dropped (triggers, rules, defaults) stand here, too.
WITH RECURSIVE tree(relation, classid, objid, depth) AS (
    SELECT v, NULL::oid, NULL::oid, 0 FROM unnest($1::oid[]) AS v
    UNION
    SELECT CASE WHEN w.oid IS NOT NULL THEN w.ev_class END,
           CASE WHEN w.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END, coalesce(w.ev_class, d.objid), t.depth + 1
    FROM tree t
    JOIN pg_class c ON c.oid = t.relation
    LEFT JOIN pg_type y ON y.oid = c.reltype
    JOIN pg_depend d
      ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.deptype IN ('n', 'a')
      OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (y.oid, y.typarray) AND d.deptype = 'n'
    LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid AND w.rulename = '_RETURN'
    WHERE t.depth < 100 AND w.ev_class IS DISTINCT FROM c.oid
), found AS (
    SELECT relation, classid, objid, max(depth) AS depth FROM tree
    WHERE depth > 0 AND objid <> ALL ($1::oid[]) GROUP BY relation, classid, objid
)
SELECT pg_describe_object(f.classid, f.objid, 0), c.oid,
       quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_userbyid(c.relowner),
       'VIEW ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
           || coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') || ' AS ' || pg_get_viewdef(c.oid)
FROM found f
LEFT JOIN pg_class c ON c.oid = f.relation AND c.relkind = 'v'
LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY f.depth DESC, 1
