-- doctor_streams_all: aggregate type (NULL: all), events a stream may have. As doctor_streams, of every aggregate.
SELECT n.looked_at, n.larger, g.aggregate_type || '/' || g.aggregate_id, g.version
FROM (SELECT count(*) AS looked_at, count(*) FILTER (WHERE version > $2::bigint) AS larger
      FROM weir.streams WHERE $1::text IS NULL OR aggregate_type = $1::text) n
LEFT JOIN (SELECT * FROM weir.streams
           WHERE version > $2::bigint AND ($1::text IS NULL OR aggregate_type = $1::text)
           ORDER BY version DESC, aggregate_type, aggregate_id LIMIT 3) g ON true
ORDER BY g.version DESC, 3
