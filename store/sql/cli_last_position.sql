-- cli_last_position: horizon. The last event at or below it, 0 if there is none.
SELECT coalesce(max(position), 0) FROM weir.events WHERE position <= $1::bigint
