-- snapshot_surplus: aggregate type (null: all), aggregate id (null: all), how many to keep of each aggregate.
-- How many snapshot_prune would remove.
SELECT count(*)
FROM (SELECT row_number() OVER (PARTITION BY aggregate_type, aggregate_id ORDER BY version DESC) AS place
      FROM weir.snapshots
      WHERE ($1::text IS NULL OR aggregate_type = $1::text) AND ($2::text IS NULL OR aggregate_id = $2::text)) s
WHERE place > $3::bigint
