-- Who may do what. Run after every migration; needs all six roles.
--   appender: weir.append, save_snapshot, wait_for  reader: read everything, through the fence; wait_for
--   relay: read, and its own bookkeeping       projector: checkpoints, and schemas of its own
--   admin: all of these; remove snapshots      owner: owns the schema; nobody works as it
DO $$ BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO weir_owner, weir_projector', current_database());
END $$;
GRANT USAGE ON SCHEMA weir TO weir_appender, weir_reader, weir_relay, weir_projector, weir_admin;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA weir FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA weir FROM PUBLIC;

GRANT EXECUTE ON FUNCTION weir.append(text, text, bigint, jsonb), weir.append_many(text, text[], bigint[], jsonb) TO weir_appender;
GRANT EXECUTE ON FUNCTION weir.save_snapshot(text, text, bigint, integer, bytea, bytea, integer) TO weir_appender;
GRANT SELECT ON weir.store, weir.migrations TO weir_appender;

GRANT SELECT ON ALL TABLES IN SCHEMA weir TO weir_reader;
GRANT SELECT ON weir.event_position TO weir_reader, weir_relay;
GRANT EXECUTE ON FUNCTION weir.horizon(), weir.store_number() TO weir_reader, weir_relay;

GRANT SELECT ON weir.store, weir.migrations, weir.events, weir.streams TO weir_relay;
GRANT SELECT, INSERT, UPDATE ON weir.topics, weir.relays, weir.relay_partitions TO weir_relay;
GRANT DELETE ON weir.relays TO weir_relay;
GRANT EXECUTE ON FUNCTION weir.relay_holders() TO weir_reader, weir_relay;

GRANT SELECT ON weir.store, weir.migrations, weir.topics, weir.relays, weir.relay_partitions TO weir_projector;
GRANT SELECT, INSERT, UPDATE ON weir.subscriptions, weir.checkpoints TO weir_projector;
GRANT DELETE ON weir.subscriptions, weir.checkpoints, weir.parked, weir.dead_letters TO weir_projector;
GRANT SELECT, INSERT, UPDATE ON weir.parked, weir.dead_letters TO weir_projector;
GRANT SELECT, INSERT ON weir.dead_letter_log TO weir_projector;
GRANT EXECUTE ON FUNCTION weir.move_checkpoints(text, integer, text[], integer[], integer[], integer[], bigint[], bigint[],
    bigint[], bigint[], bigint[]), weir.open_checkpoints(text, integer, text[], integer[], integer, boolean),
    weir.hold_checkpoint(text, integer, text, integer, integer, integer, bigint, bigint) TO weir_projector;
GRANT SELECT ON weir.events, weir.event_position TO weir_projector;
GRANT EXECUTE ON FUNCTION weir.horizon(), weir.store_number() TO weir_projector;

GRANT SELECT, INSERT, UPDATE ON weir.sagas, weir.saga_definitions TO weir_projector;
GRANT EXECUTE ON FUNCTION weir.take_sagas(text, text[], boolean[], integer) TO weir_projector;

GRANT EXECUTE ON FUNCTION weir.wait_for(text, text, text, bigint, interval) TO weir_appender, weir_reader;
GRANT EXECUTE ON FUNCTION weir.key_hash(text) TO weir_reader;

GRANT EXECUTE ON FUNCTION weir.raise_position(bigint) TO weir_admin;

GRANT DELETE ON weir.snapshots TO weir_admin;

GRANT EXECUTE ON FUNCTION weir.partitions() TO weir_reader;
GRANT EXECUTE ON FUNCTION weir.prepare_partitions(text[]), weir.copy_to_partitions(bigint), weir.check_partitions(),
    weir.hold_events(), weir.copy_rest(), weir.switch_partitions(), weir.abandon_partitions() TO weir_admin;
GRANT EXECUTE ON FUNCTION weir.rewrite(text, text, bigint, jsonb, text) TO weir_admin;

-- Roles are the whole server's: the migration of another database may be the first to say this.
DO $$ BEGIN
    GRANT weir_appender, weir_reader, weir_relay, weir_projector TO weir_admin;
EXCEPTION WHEN unique_violation THEN
    NULL;
END $$;
