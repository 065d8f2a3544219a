-- generation_unprotected: projection, generation that serves, generation to come. Row security of the old tables that the
-- new ones lack, and so would show rows that were hidden.
SELECT p.what
FROM pg_class old
JOIN pg_namespace o ON o.oid = old.relnamespace AND o.nspname = $1::text || '__g' || $2::text
JOIN pg_class new ON new.relname = old.relname AND new.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = new.relnamespace AND n.nspname = $1::text || '__g' || $3::text,
LATERAL (
    SELECT format('row security of %I.%I', o.nspname, old.relname) AS what
    WHERE old.relrowsecurity AND NOT new.relrowsecurity OR old.relforcerowsecurity AND NOT new.relforcerowsecurity
    UNION ALL
    SELECT format('policy %I on %I.%I', a.polname, o.nspname, old.relname) FROM pg_policy a
    WHERE a.polrelid = old.oid AND NOT EXISTS (SELECT FROM pg_policy b WHERE b.polrelid = new.oid AND b.polname = a.polname)
) AS p
WHERE old.relkind IN ('r', 'p') ORDER BY 1
