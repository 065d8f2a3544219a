-- handler_settle: subscription, kind. Makes the row of a subscription without tables unless the name has one. Generation, kind.
WITH made AS (
    INSERT INTO weir.subscriptions (subscription, generation, kind, served_at)
    SELECT $1::text, 1, $2::text, clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM weir.subscriptions WHERE subscription = $1::text)
    ON CONFLICT (subscription, generation) DO UPDATE SET generation = EXCLUDED.generation
    RETURNING generation, kind)
SELECT generation, kind FROM made
UNION ALL
SELECT generation, kind FROM weir.subscriptions WHERE subscription = $1::text
ORDER BY generation DESC
LIMIT 1
