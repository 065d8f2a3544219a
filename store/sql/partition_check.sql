-- partition_check: no parameters. Raises unless the copies are complete so far; how many they are.
SELECT weir.check_partitions()
