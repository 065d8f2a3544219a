-- cli_rebuild_events: aggregate types. How many events a rebuild applies, as the planner's statistics have it where
-- there are many.
SELECT count(*) FROM weir.events WHERE aggregate_type = ANY (string_to_array($1::text, ','))
