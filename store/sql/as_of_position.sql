-- as_of_position: as of, horizon. The horizon to read up to as of a time: every event recorded at or
-- before it lies at or below, and few others do. Found by halving, since times rise with positions but
-- for what appenders do side by side (and a clock that is set back): a minute is allowed for it.
WITH RECURSIVE search(low, high) AS (
    VALUES (0::bigint, $2::bigint)
    UNION ALL
    SELECT coalesce(e.position, s.low), CASE WHEN e.position IS NULL THEN s.low + (s.high - s.low) / 2 ELSE s.high END
    FROM search s
    LEFT JOIN LATERAL (
        SELECT f.position FROM (SELECT x.position, x.recorded_at FROM weir.events x
                                WHERE x.position > s.low + (s.high - s.low) / 2 AND x.position <= s.high
                                ORDER BY x.position LIMIT 1) f
        WHERE f.recorded_at <= $1::timestamptz + interval '1 minute') e ON true
    WHERE s.low < s.high)
SELECT min(high) FROM search
