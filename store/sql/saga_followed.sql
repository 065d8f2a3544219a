-- saga_followed: saga. The versions that instances follow which have not ended, or that a person may try again.
SELECT DISTINCT s.definition FROM weir.sagas s
WHERE s.saga = $1::text AND s.state NOT IN ('completed', 'compensated')
