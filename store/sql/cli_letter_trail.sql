-- cli_letter_trail: id. Who did what to the letter, and what the runtime did.
SELECT to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), by, action, detail
FROM weir.dead_letter_log WHERE letter = $1::bigint ORDER BY at
