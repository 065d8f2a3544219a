-- cli_control_resume: subscriptions, one a line (NULL: all). Subscription, generation, whether it was paused before.
WITH resumed AS (
    UPDATE weir.subscriptions s SET paused_at = NULL, paused_by = NULL
    WHERE s.serving AND s.paused_at IS NOT NULL
      AND ($1::text IS NULL OR s.subscription = ANY (string_to_array($1::text, E'\n'))))
SELECT s.subscription, s.generation, s.paused_at IS NOT NULL
FROM weir.subscriptions s
WHERE s.serving AND ($1::text IS NULL OR s.subscription = ANY (string_to_array($1::text, E'\n')))
ORDER BY s.subscription
