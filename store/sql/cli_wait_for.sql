-- cli_wait_for: subscription, aggregate type, aggregate id, version (NULL: the latest), timeout in ms.
SELECT weir.wait_for($1::text, $2::text, $3::text, coalesce($4::bigint, s.version), $5::bigint * interval '1 ms')
FROM (SELECT max(e.version) AS version FROM weir.events e
      WHERE e.aggregate_type = $2::text AND e.aggregate_id = $3::text) s
