-- migration_record: number, name, checksum.
INSERT INTO weir.migrations (number, name, checksum) VALUES ($1::integer, $2::text, $3::text)
