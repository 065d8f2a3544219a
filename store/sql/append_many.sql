-- append_many: aggregate type, streams as a JSON array of {"id", "version", "events"}, in the order of ids.
SELECT weir.append_many($1::text, array_agg(s.id ORDER BY s.nr), array_agg(s.version ORDER BY s.nr), jsonb_agg(s.events ORDER BY s.nr))
FROM ROWS FROM (jsonb_to_recordset($2::jsonb) AS (id text, version bigint, events jsonb)) WITH ORDINALITY
     AS s(id, version, events, nr)
