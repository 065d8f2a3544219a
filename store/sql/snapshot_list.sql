-- snapshot_list: aggregate type (null: all), aggregate id (null: all). Without the states.
SELECT aggregate_type, aggregate_id, version, schema_version, octet_length(state), taken_at
FROM weir.snapshots
WHERE ($1::text IS NULL OR aggregate_type = $1::text) AND ($2::text IS NULL OR aggregate_id = $2::text)
ORDER BY aggregate_type, aggregate_id, version DESC
