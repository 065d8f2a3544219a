-- doctor_session: statement timeout in ms. A look at the events is never worth a long snapshot in a busy store.
SELECT set_config('statement_timeout', $1::text, false), set_config('max_parallel_workers_per_gather', '0', false)
