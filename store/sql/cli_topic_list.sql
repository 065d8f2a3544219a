-- cli_topic_list: no parameters.
SELECT aggregate_type, topic, partitions, generation,
       to_char(recorded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
FROM weir.topics ORDER BY aggregate_type
