-- projection_roles: schema of the store. The roles that the connecting user may take, the reader if
-- there is one, names for messages, and the reader if that user may take it.
SELECT (SELECT r.rolname FROM pg_roles r
        WHERE r.rolname = $1::text || '_projector' AND pg_has_role(session_user, r.oid, 'MEMBER')),
       (SELECT r.rolname FROM pg_roles r
        WHERE r.rolname = $1::text || '_owner' AND pg_has_role(session_user, r.oid, 'MEMBER')),
       (SELECT r.rolname FROM pg_roles r WHERE r.rolname = $1::text || '_reader'),
       session_user, quote_ident(current_database()),
       (SELECT r.rolname FROM pg_roles r
        WHERE r.rolname = $1::text || '_reader' AND pg_has_role(session_user, r.oid, 'MEMBER'))
