-- snapshot_find: aggregate type, aggregate id, schema version, at most this version. The latest one there
-- is, its state only if it has that schema version.
SELECT version, schema_version, CASE WHEN schema_version = $3::integer THEN state END, checksum, taken_at
FROM weir.snapshots
WHERE aggregate_type = $1::text AND aggregate_id = $2::text AND version <= $4::bigint
ORDER BY version DESC LIMIT 1
