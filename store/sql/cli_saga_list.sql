-- cli_saga_list: saga or NULL, state or NULL, how many, id or NULL. Instances, those that moved last first.
SELECT saga, id, definition, state, step, attempt, waiting,
       to_char(due_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), to_char(started_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       to_char(updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), coalesce(trouble, reason), version, correlation_id, data
FROM weir.sagas
WHERE ($1::text IS NULL OR saga = $1::text) AND ($2::text IS NULL OR state = $2::text)
  AND ($4::text IS NULL OR id = $4::text)
ORDER BY updated_at DESC, saga, id LIMIT $3::bigint
