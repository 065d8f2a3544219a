-- cli_saga_names: no parameters. The sagas that are known.
SELECT DISTINCT saga FROM weir.saga_definitions ORDER BY saga
