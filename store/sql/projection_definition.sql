-- projection_definition: file, version, apply, from (with commas), tables, handlers (normal texts); of one that reads
-- topics which weir did not write: topics (with commas), how they are read; else NULL.
SELECT jsonb_build_object(
    'file', $1::text, 'version', $2::integer, 'apply', $3::text, 'from', string_to_array($4::text, ','),
    'tables', encode(sha256(convert_to($5::text, 'UTF8')), 'hex'),
    'handlers', encode(sha256(convert_to($6::text, 'UTF8')), 'hex'))
    || CASE WHEN $7::text IS NULL THEN '{}'
            ELSE jsonb_build_object('topics', string_to_array($7::text, ','), 'reading', $8::text) END
