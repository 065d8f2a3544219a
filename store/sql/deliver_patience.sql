-- deliver_patience: milliseconds. For this transaction: how long it may rest while an event is handled elsewhere, and the usual.
SELECT set_config('idle_in_transaction_session_timeout', ($1::bigint + 15000)::text || 'ms', true)
