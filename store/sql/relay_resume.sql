-- relay_resume: relay, epoch. A row: nobody led since that epoch.
UPDATE weir.relays SET heartbeat_at = now() WHERE relay = $1::text AND epoch = $2::bigint RETURNING epoch
