-- cli_reset_goal: position or NULL, time or NULL. The position up to which everything shall count as applied: at most
-- what the fence lets be read, so that nothing that is still to commit is passed over.
SELECT CASE WHEN $1::bigint IS NOT NULL THEN least($1::bigint, h.horizon)
            ELSE least(h.horizon, (SELECT min(e.position) - 1 FROM weir.events e WHERE e.recorded_at > $2::timestamptz)) END,
       h.horizon
FROM weir.horizon() h
