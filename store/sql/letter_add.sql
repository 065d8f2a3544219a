-- letter_add: subscription, generation, topic, partition, offset, position, aggregate type, aggregate id,
-- version, event id, event type, key, value, header names, header values, time of the record in ms, cause,
-- status, error class, error text, attempts, seconds until it is tried again (NULL: by hand only). Parks the
-- aggregate of a letter that waits.
WITH letter AS (
    INSERT INTO weir.dead_letters (subscription, generation, topic, partition, message_offset, position,
        aggregate_type, aggregate_id, version, event_id, event_type, key, value, header_names, header_values,
        message_time, cause, status, error_class, error_text, attempts)
    VALUES ($1::text, $2::integer, $3::text, $4::integer, $5::bigint, $6::bigint, $7::text, $8::text, $9::bigint,
            $10::uuid, $11::text, $12::bytea, $13::bytea, $14::text[], $15::bytea[],
            to_timestamp($16::bigint / 1000.0), $17::text, $18::text, $19::text, $20::text, $21::integer)
    RETURNING id
), parked AS (
    INSERT INTO weir.parked (subscription, generation, aggregate_type, aggregate_id, topic, partition, next_redrive_at)
    SELECT $1::text, $2::integer, $7::text, $8::text, $3::text, $4::integer,
           clock_timestamp() + $22::integer * interval '1 second'
    WHERE $18::text = 'waiting'
    ON CONFLICT DO NOTHING
)
INSERT INTO weir.dead_letter_log (letter, action, detail)
SELECT id, CASE $18::text WHEN 'skipped' THEN 'skipped' ELSE 'parked' END, $20::text FROM letter
