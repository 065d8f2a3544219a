-- reconcile_raise: position. No event gets that position or a lower one any more.
SELECT weir.raise_position($1::bigint)
