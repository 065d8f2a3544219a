-- cli_partition_begun: no parameters. The types of a split that was not finished, or NULL; bytes of the default.
SELECT obj_description(to_regclass('weir.events_next')), pg_total_relation_size('weir.events_default')
