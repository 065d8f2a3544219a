-- rebuild_published: no parameter. Up to here every event is in its topic: as far as the relay that is farthest says for
-- all its shards.
SELECT coalesce(max(r.position), 0) FROM (SELECT min(position) AS position FROM weir.relays GROUP BY relay) r
