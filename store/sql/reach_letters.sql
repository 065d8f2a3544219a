-- reach_letters: subscription, generation. Events at or below the checkpoints that were not applied, or not as
-- they are: position (NULL: unknown), the value that was applied instead (NULL: none was), in order.
SELECT position, CASE WHEN status = 'applied' THEN edited END
FROM weir.dead_letters
WHERE subscription = $1::text AND generation = $2::integer
  AND (status <> 'applied' OR edited IS NOT NULL)
ORDER BY position NULLS LAST, id
