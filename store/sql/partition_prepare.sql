-- partition_prepare: aggregate types, one a line. True when an earlier call is resumed.
SELECT weir.prepare_partitions(string_to_array($1::text, E'\n'))
