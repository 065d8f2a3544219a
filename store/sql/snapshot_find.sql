-- snapshot_find: aggregate type, aggregate id, schema version, at most this version. The latest one there
-- is, its state only if it has that schema version, and what version the aggregate has at the same moment.
SELECT version, schema_version, CASE WHEN schema_version = $3::integer THEN state END, checksum, taken_at,
       (SELECT s.version FROM weir.streams s WHERE s.aggregate_type = $1::text AND s.aggregate_id = $2::text)
           AS stream_version
FROM weir.snapshots
WHERE aggregate_type = $1::text AND aggregate_id = $2::text AND version <= $4::bigint
ORDER BY version DESC LIMIT 1
