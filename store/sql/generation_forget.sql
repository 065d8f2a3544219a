-- generation_forget: subscription, generation. Its row, checkpoints and dead letters are removed; what people did to the
-- letters stays in the log.
WITH letters AS (
    DELETE FROM weir.dead_letters WHERE subscription = $1::text AND generation = $2::integer
), parked AS (
    DELETE FROM weir.parked WHERE subscription = $1::text AND generation = $2::integer
), checkpoints AS (
    DELETE FROM weir.checkpoints WHERE subscription = $1::text AND generation = $2::integer
)
DELETE FROM weir.subscriptions WHERE subscription = $1::text AND generation = $2::integer AND NOT serving
RETURNING generation
