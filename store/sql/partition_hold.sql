-- partition_hold: no parameters. Keeps writers out until the transaction ends. Why not now, or NULL.
SELECT weir.hold_events()
