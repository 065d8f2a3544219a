-- The six roles, where whoever migrates may create roles. Nobody logs in as one: grant them to the
-- users that do. A migrating user without superuser rights becomes a member of the owner and of the
-- projector, so that it can create things in their name. Roles are the whole server's: the migration
-- of another database may make one at the same moment.
DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY '{ weir_owner, weir_appender, weir_reader, weir_relay, weir_projector, weir_admin }'::text[] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
                IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
                    EXECUTE format('GRANT %I TO %I', role, current_user);
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
END $$;
