-- partition_rest: no parameters. What is left, while another session holds partition_hold.
SELECT weir.copy_rest()
