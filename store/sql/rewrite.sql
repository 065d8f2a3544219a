-- rewrite: aggregate type, aggregate id, version, changes, reason. The event's position.
SELECT weir.rewrite($1::text, $2::text, $3::bigint, $4::jsonb, $5::text)
