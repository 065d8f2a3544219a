-- projection_definition: file, version, apply, from (with commas), tables, handlers (normal texts).
SELECT jsonb_build_object(
    'file', $1::text, 'version', $2::integer, 'apply', $3::text, 'from', string_to_array($4::text, ','),
    'tables', encode(sha256(convert_to($5::text, 'UTF8')), 'hex'),
    'handlers', encode(sha256(convert_to($6::text, 'UTF8')), 'hex'))
