-- saga_take: saga, ids in order, which of them begin, version of the definition. The instances that there are then, locked.
SELECT id, version, definition, state, step, attempt, waiting, data, reason, correlation_id, request_id
FROM weir.take_sagas($1::text, $2::text[], $3::boolean[], $4::integer)
