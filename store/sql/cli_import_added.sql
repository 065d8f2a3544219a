-- cli_import_added: aggregate types, event ids (arrays). How many of these events the current
-- transaction inserted: their rows carry its id, absorbed ones that of an earlier one.
SELECT count(*)
FROM unnest($1::text[], $2::uuid[]) AS i(aggregate_type, event_id)
CROSS JOIN LATERAL (SELECT x.aggregate_type, x.xmin AS inserted_by FROM weir.events x
                    WHERE x.event_id = i.event_id OFFSET 0) e
WHERE e.aggregate_type = i.aggregate_type AND e.inserted_by = pg_current_xact_id()::xid
