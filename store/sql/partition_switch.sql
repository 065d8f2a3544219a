-- partition_switch: no parameters. After partition_rest, in the transaction of partition_hold. Why not now, or NULL.
SELECT weir.switch_partitions()
