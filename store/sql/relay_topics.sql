-- relay_topics: no parameters.
SELECT aggregate_type, topic, partitions, generation, accepted FROM weir.topics ORDER BY aggregate_type
