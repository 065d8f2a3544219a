-- flush: no parameters. Its commit makes every earlier commit durable.
SELECT pg_logical_emit_message(true, 'weir', ''),
       CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'local', true) END
