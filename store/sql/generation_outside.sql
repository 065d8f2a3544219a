-- generation_outside: schema of a generation. What is not in it and depends on something in it.
WITH schema AS (
    SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1::text
), inside AS (
    SELECT 'pg_class'::regclass::oid AS classid, c.oid AS objid FROM schema s JOIN pg_class c ON c.relnamespace = s.oid
    UNION ALL
    SELECT 'pg_type'::regclass, y.oid FROM schema s JOIN pg_type y ON y.typnamespace = s.oid
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid FROM schema s JOIN pg_proc p ON p.pronamespace = s.oid
), dependents AS (
    SELECT DISTINCT
        CASE d.classid WHEN 'pg_rewrite'::regclass THEN 'pg_class'::regclass ELSE d.classid END AS classid,
        CASE d.classid WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite w WHERE w.oid = d.objid)
                       ELSE d.objid END AS objid,
        CASE d.classid
            WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite w WHERE w.oid = d.objid)
            WHEN 'pg_constraint'::regclass THEN (SELECT k.conrelid FROM pg_constraint k WHERE k.oid = d.objid)
            WHEN 'pg_attrdef'::regclass THEN (SELECT f.adrelid FROM pg_attrdef f WHERE f.oid = d.objid)
            WHEN 'pg_trigger'::regclass THEN (SELECT g.tgrelid FROM pg_trigger g WHERE g.oid = d.objid)
            WHEN 'pg_policy'::regclass THEN (SELECT y.polrelid FROM pg_policy y WHERE y.oid = d.objid)
            ELSE d.objid END AS home
    FROM pg_depend d JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid
    WHERE d.deptype = 'n'
)
SELECT pg_describe_object(classid, objid, 0) FROM dependents
WHERE home NOT IN (SELECT objid FROM inside) ORDER BY 1
