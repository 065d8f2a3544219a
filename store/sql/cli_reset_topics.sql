-- cli_reset_topics: subscription. The topics that weir did not write, which it reads; no row: it reads none.
SELECT jsonb_array_elements_text(s.definition -> 'topics') FROM weir.subscriptions s
WHERE s.subscription = $1::text AND s.serving
