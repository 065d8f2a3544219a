-- letter_headers: id. Names, and values in hex, in their order.
SELECT h.name, encode(h.value, 'hex')
FROM weir.dead_letters d, unnest(d.header_names, d.header_values) WITH ORDINALITY AS h(name, value, nr)
WHERE d.id = $1::bigint ORDER BY h.nr
