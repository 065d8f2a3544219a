-- relay_goal: no parameters. Every event committed by now lies at or below this position.
SELECT last_value FROM weir.event_position
