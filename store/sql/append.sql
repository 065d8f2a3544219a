-- append: aggregate type, aggregate id, expected version (null: any), events as a JSON array.
SELECT weir.append($1::text, $2::text, $3::bigint, $4::jsonb)
