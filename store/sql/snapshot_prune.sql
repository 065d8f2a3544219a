-- snapshot_prune: aggregate type (null: all), aggregate id (null: all), how many to keep of each aggregate.
-- How many it removed.
WITH removed AS (
    DELETE FROM weir.snapshots s
    USING (SELECT aggregate_type, aggregate_id, version,
                  row_number() OVER (PARTITION BY aggregate_type, aggregate_id ORDER BY version DESC) AS place
           FROM weir.snapshots
           WHERE ($1::text IS NULL OR aggregate_type = $1::text) AND ($2::text IS NULL OR aggregate_id = $2::text)) u
    WHERE u.place > $3::bigint AND s.aggregate_type = u.aggregate_type AND s.aggregate_id = u.aggregate_id
      AND s.version = u.version
    RETURNING 1)
SELECT count(*) FROM removed
