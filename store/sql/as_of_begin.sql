-- as_of_begin: as of. Whether that is past by the server's clock, and the last position drawn by now: once the horizon
-- has reached it, nothing that was recorded until then can appear any more.
SELECT $1::timestamptz <= clock_timestamp(), last_value FROM weir.event_position
