-- streams: aggregate type (null: all), limit (null: none).
SELECT aggregate_type, aggregate_id, version FROM weir.streams
WHERE $1::text IS NULL OR aggregate_type = $1::text
ORDER BY aggregate_type, aggregate_id LIMIT $2::bigint
