-- partition_abandon: no parameters. False when there was nothing to give up.
SELECT weir.abandon_partitions()
