-- migrations: no parameters. What was applied, in order.
SELECT number, name, checksum FROM weir.migrations ORDER BY number
