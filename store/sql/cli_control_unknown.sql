-- cli_control_unknown: subscriptions, one a line. Those that there are not.
SELECT string_agg(n, ', ') FROM unnest(string_to_array($1::text, E'\n')) n
WHERE NOT EXISTS (SELECT FROM weir.subscriptions s WHERE s.subscription = n AND s.serving)
