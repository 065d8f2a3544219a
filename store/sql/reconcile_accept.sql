-- reconcile_accept: aggregate type, position.
UPDATE weir.topics SET accepted = greatest(accepted, $2::bigint) WHERE aggregate_type = $1::text
