-- reconcile_leave: topic. Whoever reads it finds out that it was left.
UPDATE weir.checkpoints SET next_offset = -2, epoch = epoch + 1 WHERE topic = $1::text
