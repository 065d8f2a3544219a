-- cli_relay_status: no parameters. Every shard of every relay, how far it came, how long ago it was last heard of, and
-- whether anybody holds it.
SELECT r.relay, r.shard, r.epoch, r.position, r.sent, r.published, r.clean, r.holder,
       extract(epoch FROM clock_timestamp() - r.heartbeat_at),
       EXISTS (SELECT FROM weir.relay_holders() h WHERE h.relay = r.relay AND h.shard = r.shard)
FROM weir.relays r ORDER BY r.relay, r.shard
