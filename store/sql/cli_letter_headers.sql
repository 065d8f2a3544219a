-- cli_letter_headers: id. The letter's headers in their order, values in base64; whether its message is not weir's own.
SELECT h.name, translate(encode(h.value, 'base64'), E'\n', ''),
       EXISTS (SELECT FROM weir.subscriptions s
               WHERE s.subscription = l.subscription AND s.generation = l.generation AND s.definition ? 'topics')
FROM weir.dead_letters l, unnest(l.header_names, l.header_values) WITH ORDINALITY AS h(name, value, at)
WHERE l.id = $1::bigint ORDER BY h.at
