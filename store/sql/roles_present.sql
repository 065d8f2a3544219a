-- roles_present: schema. How many of the six roles exist, and whether we may act as the owner.
SELECT count(*),
       coalesce(bool_or(CASE WHEN rolname = $1::text || '_owner' THEN pg_has_role(oid, 'MEMBER') END), false)
FROM pg_roles
WHERE rolname IN (SELECT $1::text || '_' || r FROM unnest('{owner,appender,reader,relay,projector,admin}'::text[]) r)
