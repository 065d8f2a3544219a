-- cli_partition_list: no parameters. Aggregate type, its partition, whether that is the default, events
-- and bytes as the statistics have them: a type's part of the default by how common it was there.
WITH RECURSIVE types(aggregate_type) AS (
    (SELECT s.aggregate_type FROM weir.streams s ORDER BY s.aggregate_type LIMIT 1)
    UNION ALL
    SELECT (SELECT s.aggregate_type FROM weir.streams s WHERE s.aggregate_type > t.aggregate_type
            ORDER BY s.aggregate_type LIMIT 1)
    FROM types t WHERE t.aggregate_type IS NOT NULL),
sizes AS (
    SELECT p.*, nullif(c.reltuples, -1) AS events, pg_total_relation_size(c.oid) AS bytes
    FROM weir.partitions() p JOIN pg_class c ON c.oid = p.relation),
shares AS (
    SELECT s.partition, u.aggregate_type, u.share
    FROM sizes s JOIN pg_class c ON c.oid = s.relation
         JOIN pg_stats a ON a.schemaname = c.relnamespace::regnamespace::text AND a.tablename = s.partition
                        AND a.attname = 'aggregate_type',
         unnest(a.most_common_vals::text::text[], a.most_common_freqs) AS u(aggregate_type, share)
    WHERE s.is_default),
own AS (SELECT t.aggregate_type, s.* FROM sizes s, unnest(s.aggregate_types) AS t(aggregate_type))
SELECT o.aggregate_type, o.partition, false, o.events::bigint, o.bytes::bigint FROM own o
UNION ALL
SELECT t.aggregate_type, s.partition, true, (s.events * h.share)::bigint, (s.bytes * h.share)::bigint
FROM types t JOIN sizes s ON s.is_default LEFT JOIN shares h ON h.aggregate_type = t.aggregate_type
WHERE t.aggregate_type IS NOT NULL AND t.aggregate_type NOT IN (SELECT o.aggregate_type FROM own o)
ORDER BY 1
