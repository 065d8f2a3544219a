-- cli_relay_status: no parameters. Every relay; events it has not acknowledged yet; how long ago it
-- was last heard of.
SELECT r.relay, r.epoch, r.position,
       (SELECT count(*) FROM weir.events e WHERE e.position > r.position),
       r.published, r.clean, r.holder,
       extract(epoch FROM clock_timestamp() - r.heartbeat_at)
FROM weir.relays r ORDER BY r.relay
