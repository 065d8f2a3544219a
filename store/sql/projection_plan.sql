-- projection_plan: EXPLAIN (VERBOSE, FORMAT JSON) of a generic plan, schema. Whether it reads the
-- events' arrays; a relation outside the schema that it writes; whether
-- it sets the session, by whatever name or rule, strings left out.
WITH nodes AS (
    SELECT node FROM jsonb_path_query($1::text::jsonb, 'strict $.** ? (@."Node Type" == "ModifyTable")') AS node)
SELECT strpos($1::text, '"Function Call": "unnest($1), ') > 0,
       (SELECT format('%I.%I', target ->> 'Schema', target ->> 'Relation Name')
        FROM (SELECT node FROM nodes
              UNION ALL
              SELECT jsonb_path_query(node, 'lax $."Target Tables"[*]') FROM nodes) AS targets(target)
        WHERE target ->> 'Schema' <> $2::text LIMIT 1),
       regexp_replace($1::text, '''[^'']*''', '', 'g') ~ '\mset_config\('
