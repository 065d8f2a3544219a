-- rebuild_filled: subscription, generation. Up to where it is filled from the store; whether all lanes agree.
SELECT coalesce(max(position), 0), coalesce(min(position) = max(position), true) FROM weir.checkpoints
WHERE subscription = $1::text AND generation = $2::integer AND topic = '$store'
