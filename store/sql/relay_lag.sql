-- relay_lag: cursor, sent (position of the last event handed to Kafka), most to count. Per stage the
-- events that are in it and the seconds since the oldest was appended. horizon: committed, behind a
-- transaction that is still appending; relay: not handed to Kafka yet; broker: not acknowledged yet.
-- Beyond the most, positions are given instead of events, which is an upper bound.
WITH now AS MATERIALIZED (
    SELECT h.horizon, greatest($1::bigint, $2::bigint) AS sent, (SELECT last_value FROM weir.event_position) AS last
    FROM weir.horizon() h
)
SELECT s.stage, CASE WHEN counted.events > $3 THEN s.high - s.low ELSE counted.events END,
       coalesce(greatest(extract(epoch FROM clock_timestamp() - oldest.recorded_at), 0), 0)
FROM now
CROSS JOIN LATERAL (VALUES (1, 'horizon', greatest(now.horizon, now.sent), now.last),
                           (2, 'relay', now.sent, now.horizon),
                           (3, 'broker', $1::bigint, now.sent)) AS s(number, stage, low, high)
CROSS JOIN LATERAL (
    SELECT count(*) AS events
    FROM (SELECT FROM weir.events e WHERE e.position > s.low AND e.position <= s.high
          ORDER BY e.position LIMIT $3::bigint + 1) few
) counted
LEFT JOIN LATERAL (
    SELECT e.recorded_at FROM weir.events e WHERE e.position > s.low AND e.position <= s.high
    ORDER BY e.position LIMIT 1
) oldest ON true
ORDER BY s.number
