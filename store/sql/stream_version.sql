-- stream_version: aggregate type, aggregate id.
SELECT version FROM weir.streams WHERE aggregate_type = $1::text AND aggregate_id = $2::text
