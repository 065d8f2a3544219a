-- cli_rewrite_reached: topic, partition, position. Who has published or consumed what is there: kind, name, what to do.
SELECT 'topic', $1::text || '/' || $2::integer, 'holds the original for good; consumers that read it again see that'
WHERE EXISTS (SELECT FROM weir.relay_partitions p
              WHERE p.topic = $1::text AND p.partition = $2::integer AND p.position >= $3::bigint)
UNION ALL
SELECT s.kind, s.subscription || ' generation ' || s.generation, CASE s.kind WHEN 'handler' THEN 'has handled the original: see to its effects by hand'
                   WHEN 'command' THEN 'has executed the original: see to what it raised by hand'
                   ELSE 'has applied the original: rebuild it' END
FROM weir.subscriptions s
WHERE EXISTS (SELECT FROM weir.checkpoints c
              WHERE c.subscription = s.subscription AND c.generation = s.generation
                AND c.topic = $1::text AND c.partition = $2::integer AND c.position >= $3::bigint)
ORDER BY 1 DESC, 2
