-- 0009_sagas: long-running processes. What happened to an instance stands in its own stream, of the aggregate type that
-- is the saga's name; its row here says where that has led, and is who works on it and when it is due.

CREATE TABLE weir.saga_definitions (
    saga        text        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    definition  jsonb       NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (saga, version)
);
COMMENT ON TABLE weir.saga_definitions IS 'what instances follow that began under this version, to their end';

CREATE TABLE weir.sagas (
    saga           text        NOT NULL,
    id             text        NOT NULL,
    definition     integer     NOT NULL,
    version        bigint      NOT NULL DEFAULT 0,
    state          text        NOT NULL DEFAULT 'new'
                   CHECK (state IN ('new', 'running', 'compensating', 'completed', 'compensated', 'failed')),
    step           text,
    attempt        integer     NOT NULL DEFAULT 0,
    waiting        boolean     NOT NULL DEFAULT false,
    data           jsonb       NOT NULL DEFAULT '{}',
    reason         text,
    correlation_id text,
    request_id     uuid,
    due_at         timestamptz,
    trouble        text,
    started_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (saga, id)
) WITH (fillfactor = 60);
CREATE INDEX sagas_due ON weir.sagas (saga, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sagas_open ON weir.sagas (saga, state, updated_at) WHERE state NOT IN ('completed', 'compensated');
COMMENT ON COLUMN weir.sagas.definition IS 'version of the definition that it follows';
COMMENT ON COLUMN weir.sagas.version IS 'of its stream';
COMMENT ON COLUMN weir.sagas.waiting IS 'until the next attempt may begin, not for an answer';
COMMENT ON COLUMN weir.sagas.data IS 'of the event that began it, and the answers by step; null: the outcome is not known';
COMMENT ON COLUMN weir.sagas.due_at IS 'its timer: the end of an attempt, or the beginning of the next; NULL: none';
COMMENT ON COLUMN weir.sagas.trouble IS 'why its timer could not be acted on; it is tried again';

-- weir.take_sagas: locks these instances, in the order of their ids, and makes those of them that begin and that there
-- are not yet. The rows, in that order. Who locks in another order, or inserts first and locks then, meets deadlocks.
CREATE FUNCTION weir.take_sagas(saga text, ids text[], begin boolean[], definition integer)
RETURNS SETOF weir.sagas LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found weir.sagas;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        IF begin[i] THEN
            INSERT INTO weir.sagas (saga, id, definition)
                VALUES (take_sagas.saga, ids[i], take_sagas.definition)
                ON CONFLICT (saga, id) DO NOTHING;
        END IF;
        SELECT s.* INTO found FROM weir.sagas s WHERE s.saga = take_sagas.saga AND s.id = ids[i] FOR UPDATE;
        IF found.id IS NOT NULL THEN
            RETURN NEXT found;
        END IF;
    END LOOP;
END $$;

-- weir.append_many: appends to several streams of one aggregate type, all or nothing: what weir.append does for one, with the
-- same refusals, and the fence taken once, when nothing is left but to insert. Readers of the store wait for that part alone,
-- so a transaction that moves a hundred instances on holds nobody back for as long as it takes. The expected versions are
-- exact, ids that are given must be new, and there are no tombstones. Streams are locked in the order of their ids, so that
-- two callers never wait for each other.
CREATE FUNCTION weir.append_many(aggregate_type text, aggregate_ids text[], expected_versions bigint[], events jsonb)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    idle_limit text;
    stream     record;
    added      record;           -- the events, as arrays
    floor      bigint;
    remembered text;
    ignored    text;
BEGIN
    IF current_setting('synchronous_commit') = 'off' THEN
        ignored := set_config('synchronous_commit', 'local', true);
    END IF;
    idle_limit := current_setting('idle_in_transaction_session_timeout');
    IF idle_limit = '0' OR idle_limit::interval > weir.append_idle_timeout_ms() * interval '1 ms' THEN
        ignored := set_config('idle_in_transaction_session_timeout', weir.append_idle_timeout_ms()::text, true);
    END IF;
    IF jsonb_typeof(append_many.events) IS DISTINCT FROM 'array'
            OR cardinality(aggregate_ids) IS DISTINCT FROM jsonb_array_length(append_many.events)
            OR cardinality(aggregate_ids) IS DISTINCT FROM cardinality(expected_versions) THEN
        RAISE EXCEPTION 'as many ids, expected versions and lists of events are needed' USING ERRCODE = 'WV002';
    END IF;

    FOR stream IN
        SELECT a.id, weir.check_append(append_many.aggregate_type, a.id, a.expected, append_many.events -> (a.nr - 1)::integer,
                                       weir.max_event_bytes()) AS tombstone
        FROM unnest(aggregate_ids, expected_versions) WITH ORDINALITY AS a(id, expected, nr)
    LOOP
        IF stream.tombstone THEN
            RAISE EXCEPTION 'a tombstone is appended by weir.append: %', stream.id USING ERRCODE = 'WV002';
        END IF;
    END LOOP;

    FOR stream IN
        WITH taken AS (
            INSERT INTO weir.streams AS s (aggregate_type, aggregate_id, version)
                SELECT append_many.aggregate_type, a.id, jsonb_array_length(append_many.events -> (a.nr - 1)::integer)
                FROM unnest(aggregate_ids) WITH ORDINALITY AS a(id, nr)
                ORDER BY a.id COLLATE "C"
                ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = s.version + excluded.version
                RETURNING s.aggregate_id, s.version, s.closed)
        SELECT a.id, t.closed, a.expected, t.version - jsonb_array_length(append_many.events -> (a.nr - 1)::integer) AS actual
        FROM taken t JOIN unnest(aggregate_ids, expected_versions) WITH ORDINALITY AS a(id, expected, nr)
             ON a.id = t.aggregate_id
    LOOP
        IF stream.closed THEN
            RAISE EXCEPTION '%/% is closed', append_many.aggregate_type, stream.id USING ERRCODE = 'WV006';
        ELSIF stream.expected IS DISTINCT FROM stream.actual THEN
            RAISE EXCEPTION 'conflict in %/%', append_many.aggregate_type, stream.id USING ERRCODE = 'WV001',
                DETAIL = format('expected version %s, actual version %s', stream.expected, stream.actual);
        END IF;
    END LOOP;

    -- Everything is taken apart before the fence: what is left behind it is the insert.
    SELECT array_agg(e.aggregate_id ORDER BY e.nr, e.ordinal) AS aggregate_ids,
           array_agg(e.version ORDER BY e.nr, e.ordinal) AS versions,
           array_agg(coalesce(e.id, gen_random_uuid()) ORDER BY e.nr, e.ordinal) AS ids,
           array_agg(e.type ORDER BY e.nr, e.ordinal) AS types,
           array_agg(coalesce(e.schemaversion, 1) ORDER BY e.nr, e.ordinal) AS schema_versions,
           array_agg(CASE WHEN e.data_base64 IS NULL THEN coalesce(e.data, 'null') END ORDER BY e.nr, e.ordinal) AS data,
           array_agg(decode(e.data_base64, 'base64') ORDER BY e.nr, e.ordinal) AS data_binary,
           array_agg(coalesce(e.datacontenttype, 'application/json') ORDER BY e.nr, e.ordinal) AS content_types,
           array_agg(coalesce(e.metadata, '{}') ORDER BY e.nr, e.ordinal) AS metadata,
           array_agg(e.time ORDER BY e.nr, e.ordinal) AS times
        INTO added
        FROM (SELECT a.id, a.expected + e.ordinal, a.nr, e.*
              FROM unnest(aggregate_ids, expected_versions) WITH ORDINALITY AS a(id, expected, nr),
                   ROWS FROM (jsonb_to_recordset(append_many.events -> (a.nr - 1)::integer) AS
                       (id uuid, type text, schemaversion integer, data jsonb, data_base64 text, datacontenttype text,
                        metadata jsonb, time timestamptz)) WITH ORDINALITY
                   AS e(id, type, schemaversion, data, data_base64, datacontenttype, metadata, time, ordinal))
             AS e(aggregate_id, version, nr, id, type, schemaversion, data, data_base64, datacontenttype, metadata, time, ordinal);

    -- The fence: see weir.append (0002).
    floor := coalesce(pg_sequence_last_value('weir.event_position'), 0);
    remembered := current_setting('weir.fence_' || weir.store_number()::text, true);
    IF remembered <> '' THEN
        IF remembered ~ '^[0-9]{1,18}$' THEN
            floor := least(floor, remembered::bigint);
        END IF;
    ELSE
        ignored := set_config('weir.fence_' || weir.store_number()::text, floor::text, true);
    END IF;
    ignored := pg_advisory_xact_lock_shared(weir.fence_key(weir.store_number(), floor));

    INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
                             data, data_binary, content_type, metadata, time, recorded_at)
        SELECT nextval('weir.event_position'), append_many.aggregate_type, e.aggregate_id, e.version, e.id, e.type,
               e.schema_version, e.data, e.data_binary, e.content_type, e.metadata, coalesce(e.time, clock_timestamp()),
               clock_timestamp()
        FROM unnest(added.aggregate_ids, added.versions, added.ids, added.types, added.schema_versions, added.data,
                    added.data_binary, added.content_types, added.metadata, added.times)
             AS e(aggregate_id, version, id, type, schema_version, data, data_binary, content_type, metadata, time);
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'weir.events'::regclass
                       AND i.inhrelid = to_regclass('weir.events_default')) THEN
            RAISE EXCEPTION 'the partitions of events were changed meanwhile' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
END $$;
