-- reconcile_events: aggregate type, after, until. The events between.
SELECT position, aggregate_id FROM weir.events
WHERE aggregate_type = $1::text AND position > $2::bigint AND position <= $3::bigint ORDER BY position LIMIT 10001
