-- cli_partition_begun: aggregate types, one a line. The types of a split that was not finished, or NULL; bytes of the
-- default; those of the aggregate types that have no events, or NULL.
SELECT obj_description(to_regclass('weir.events_next')), pg_total_relation_size('weir.events_default'),
       (SELECT string_agg(t, ', ') FROM unnest(string_to_array($1, E'\n')) t
        WHERE NOT EXISTS (SELECT FROM weir.streams s WHERE s.aggregate_type = t))
