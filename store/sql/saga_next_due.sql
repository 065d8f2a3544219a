-- saga_next_due: saga. Milliseconds until its earliest timer is due; null: there is none.
SELECT ceil(extract(epoch FROM min(due_at) - clock_timestamp()) * 1000)::bigint FROM weir.sagas
WHERE saga = $1::text AND due_at IS NOT NULL
