-- relay_lead: relay, holder. Takes over under a new epoch; says what the predecessor left.
WITH before AS (SELECT clean FROM weir.relays WHERE relay = $1::text)
INSERT INTO weir.relays AS r (relay, epoch, clean, holder, started_at, heartbeat_at)
VALUES ($1, 1, false, $2::text, now(), now())
ON CONFLICT (relay) DO UPDATE SET
    epoch = r.epoch + 1, clean = false, holder = excluded.holder, started_at = now(), heartbeat_at = now()
RETURNING r.epoch, r.position, coalesce((SELECT clean FROM before), true)
