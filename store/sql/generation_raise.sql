-- generation_raise: subscription, two generations. Whoever feeds them finds its checkpoint moved, and looks anew which
-- generation serves.
UPDATE weir.checkpoints SET epoch = epoch + 1
WHERE subscription = $1::text AND generation IN ($2::integer, $3::integer)
