-- partition_copy: at most so many events.
SELECT copied, reached, goal FROM weir.copy_to_partitions($1::bigint)
