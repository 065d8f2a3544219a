-- projection_serving: subscription, definition. The serving generation; whether its tables are made
-- by the same statements and version; whether all else is the same, too (the file may be renamed);
-- whether it reads topics that weir did not write, or does not, as the definition says.
SELECT s.generation, s.kind,
       (s.definition -> 'tables') IS NOT DISTINCT FROM (d.value -> 'tables')
           AND (s.definition -> 'version') IS NOT DISTINCT FROM (d.value -> 'version'),
       s.definition - 'file' = d.value - 'file',
       s.definition = '{}' OR (s.definition ? 'topics') = (d.value ? 'topics')
FROM weir.subscriptions s, (SELECT $2::jsonb) AS d(value)
WHERE s.subscription = $1::text AND s.serving
