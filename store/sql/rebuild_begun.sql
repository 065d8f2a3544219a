-- rebuild_begun: subscription, generation. What it was filled from so far: whether from the store, whether from topics.
SELECT coalesce(bool_or(topic = '$store'), false), coalesce(bool_or(topic <> '$store'), false)
FROM weir.checkpoints WHERE subscription = $1::text AND generation = $2::integer
