-- subscription_start: subscription, generation. Makes the row unless the handler did; forgets why it stopped.
INSERT INTO weir.subscriptions AS s (subscription, generation) VALUES ($1::text, $2::integer)
ON CONFLICT (subscription, generation) DO UPDATE SET stopped_at = NULL, stopped_why = NULL
    WHERE s.stopped_at IS NOT NULL
