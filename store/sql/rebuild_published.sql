-- rebuild_published: no parameter. Up to here every event is in its topic.
SELECT coalesce(min(position), 0) FROM weir.relays
