-- verify_superseded: aggregate type, then per event its position, aggregate id and version. Which of
-- them compaction may remove: a later event of the aggregate exists, or it closed the aggregate.
SELECT e.position
FROM unnest($2::bigint[], $3::text[], $4::bigint[]) AS e(position, aggregate_id, version)
JOIN weir.streams s ON s.aggregate_type = $1::text AND s.aggregate_id = e.aggregate_id
WHERE s.version > e.version OR s.closed
ORDER BY e.position
