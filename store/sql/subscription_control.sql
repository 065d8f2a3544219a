-- subscription_control: subscription, generation. Whether it is paused; which generation serves; whether a
-- person has marked letters; how many aggregates are parked; whether one of them is due.
SELECT EXISTS (SELECT FROM weir.subscriptions s WHERE s.subscription = $1::text AND s.paused_at IS NOT NULL),
       (SELECT s.generation FROM weir.subscriptions s WHERE s.subscription = $1::text AND s.serving),
       EXISTS (SELECT FROM weir.dead_letters d
               WHERE d.subscription = $1::text AND d.generation = $2::integer AND d.mark IS NOT NULL
                 AND d.status = 'waiting'),
       (SELECT count(*) FROM weir.parked p WHERE p.subscription = $1::text AND p.generation = $2::integer),
       EXISTS (SELECT FROM weir.parked p WHERE p.subscription = $1::text AND p.generation = $2::integer
                 AND p.next_redrive_at <= clock_timestamp())
