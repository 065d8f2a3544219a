-- cli_letter_edit: id, value in base64. What is to be applied instead of the original, which stays.
WITH edited AS (
    UPDATE weir.dead_letters l SET edited = decode($2::text, 'base64') WHERE l.id = $1::bigint RETURNING l.id, l.edited)
INSERT INTO weir.dead_letter_log (letter, action, detail)
SELECT e.id, 'edit', format('%s bytes, sha256 %s', octet_length(e.edited), encode(sha256(e.edited), 'hex')) FROM edited e
