-- cli_snapshot_candidates: aggregate type, schema version, older than (microseconds), after this id, limit.
-- Aggregates whose latest snapshot is missing, of another schema, or old and not of the latest version.
SELECT s.aggregate_id
FROM weir.streams s
LEFT JOIN LATERAL (SELECT x.version, x.schema_version, x.taken_at FROM weir.snapshots x
                   WHERE x.aggregate_type = s.aggregate_type AND x.aggregate_id = s.aggregate_id
                   ORDER BY x.version DESC LIMIT 1) x ON true
WHERE s.aggregate_type = $1::text AND s.aggregate_id > $4::text
  AND (x.version IS NULL OR x.schema_version <> $2::integer
       OR (x.version < s.version AND x.taken_at <= clock_timestamp() - $3::bigint * interval '1 microsecond'))
ORDER BY s.aggregate_id LIMIT $5::bigint
