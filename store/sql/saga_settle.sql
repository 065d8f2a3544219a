-- saga_settle: saga, version, definition. Makes the subscription's row and records the definition, in place of another
-- one of this version that nothing follows. Generation, kind, whether the definition is the recorded one.
WITH made AS (
    INSERT INTO weir.subscriptions (subscription, generation, kind, served_at)
    SELECT $1::text, 1, 'saga', clock_timestamp()
    WHERE NOT EXISTS (SELECT FROM weir.subscriptions WHERE subscription = $1::text)
    ON CONFLICT (subscription, generation) DO UPDATE SET generation = EXCLUDED.generation
    RETURNING generation, kind),
known AS (
    SELECT generation, kind FROM made
    UNION ALL
    SELECT generation, kind FROM weir.subscriptions WHERE subscription = $1::text),
recorded AS (
    INSERT INTO weir.saga_definitions AS d (saga, version, definition)
    SELECT $1::text, $2::integer, $3::jsonb WHERE (SELECT kind FROM known LIMIT 1) = 'saga'
    ON CONFLICT (saga, version) DO UPDATE SET definition = EXCLUDED.definition, recorded_at = clock_timestamp()
        WHERE d.definition <> EXCLUDED.definition
          AND NOT EXISTS (SELECT FROM weir.sagas s WHERE s.saga = d.saga AND s.definition = d.version)
    RETURNING definition)
SELECT k.generation, k.kind,
       coalesce((SELECT definition FROM recorded),
                (SELECT definition FROM weir.saga_definitions WHERE saga = $1::text AND version = $2::integer)) = $3::jsonb
FROM known k
ORDER BY k.generation DESC
LIMIT 1
