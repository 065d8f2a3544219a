-- cli_relay_status: no parameters. Every shard of every relay, how far it came, and how long ago it was last heard of.
SELECT r.relay, r.shard, r.epoch, r.position, r.sent, r.published, r.clean, r.holder,
       extract(epoch FROM clock_timestamp() - r.heartbeat_at)
FROM weir.relays r ORDER BY r.relay, r.shard
