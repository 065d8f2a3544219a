-- saga_postpone: saga, id, why, milliseconds. Its timer could not be acted on: it is due again then.
UPDATE weir.sagas SET trouble = $3::text, due_at = clock_timestamp() + $4::bigint * interval '1 ms'
WHERE saga = $1::text AND id = $2::text AND due_at <= clock_timestamp()
