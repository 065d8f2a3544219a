-- subscription_unrelayed: aggregate types, most to count. Events that no relay has acknowledged yet, and
-- the seconds since the first of them was recorded.
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0)
FROM (SELECT recorded_at FROM weir.events
      WHERE aggregate_type = ANY ($1::text[])
        AND position > coalesce((SELECT max(r.position) FROM (SELECT min(position) AS position FROM weir.relays GROUP BY relay) r), 0)
      ORDER BY position LIMIT $2::bigint) e
