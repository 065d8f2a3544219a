-- snapshot_save: aggregate type, aggregate id, version, schema version, state, checksum, how many to keep.
SELECT weir.save_snapshot($1::text, $2::text, $3::bigint, $4::integer, $5::bytea, $6::bytea, $7::integer)
