-- 0002_append: weir.append, the only way in, and the fence that keeps readers from skipping events.
--
-- Positions are drawn in one order and become visible in another. So an appender first takes a
-- shared advisory lock on a floor (the sequence's last value at that moment) and only then draws
-- positions, all of which lie above its floor. PostgreSQL releases the lock after the commit is
-- visible. A reader (weir.horizon, 0003) reads the sequence, then the lowest floor held: every
-- position at or below the smaller of both is visible or will never be.

-- The row of weir.store as constants: to read it in every append would cost a tenth of the append.
-- The planner folds them into what uses them, and plans again when one is replaced, so a changed
-- limit holds in every session from its next statement. Until the row is there they refuse.
CREATE FUNCTION weir.no_store() RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION 'the store has no identity row' USING HINT = 'Was it restored without its data? Run: weir migrate';
END $$;
CREATE FUNCTION weir.store_number() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT weir.no_store()';
CREATE FUNCTION weir.max_event_bytes() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT weir.no_store()';
CREATE FUNCTION weir.append_idle_timeout_ms() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT weir.no_store()';

CREATE FUNCTION weir.fix_facts() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fact  text;
    value text;
BEGIN
    FOREACH fact IN ARRAY '{store_number,max_event_bytes,append_idle_timeout_ms}'::text[] LOOP
        value := to_jsonb(NEW) ->> fact;
        EXECUTE format('CREATE OR REPLACE FUNCTION weir.%I() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
                       fact, 'SELECT ' || value);
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER facts AFTER INSERT OR UPDATE ON weir.store FOR EACH ROW EXECUTE FUNCTION weir.fix_facts();

CREATE FUNCTION weir.fence_key(store_number integer, floor bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (store_number::bigint << 48) | floor
$$;
COMMENT ON FUNCTION weir.fence_key IS 'advisory lock key: 16 bits of store number, 48 of floor, which the sequence keeps to';

-- weir.problem: why this element of `events` is refused, or NULL. One expression without a
-- subquery, so that the planner inlines it: a call would cost more than the check. Backslashes stand
-- in E'' alone, since the caller's session decides how others are read. What has few bytes is not deep.
-- A tombstone's type is matched, not compared: it is the same in a schema of another name.
CREATE FUNCTION weir.problem(event jsonb, max_event_bytes integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(event) <> 'object' THEN 'it is not a JSON object'
        WHEN event - '{type,data,data_base64,datacontenttype,id,metadata,time,schemaversion}'::text[] <> '{}'
            THEN 'unknown keys in it: ' ||
                 (event - '{type,data,data_base64,datacontenttype,id,metadata,time,schemaversion}'::text[])::text
        WHEN jsonb_typeof(event -> 'type') IS DISTINCT FROM 'string' THEN '"type" must be a text'
        WHEN octet_length(event ->> 'type') NOT BETWEEN 1 AND 200 OR event ->> 'type' ~ E'[\\u0001-\\u001f\\u007f-\\u009f]'
            THEN '"type" must have 1 to 200 bytes and no control characters'
        WHEN event ->> 'type' ~ '^weir[.]' AND event ->> 'type' !~ '^weir[.]tombstone$'
            THEN 'types that begin with "weir." are reserved; the only one is "weir.tombstone"'
        WHEN event ->> 'type' ~ '^weir[.]tombstone$' AND event -> 'data' IS DISTINCT FROM 'null'
            THEN 'the "data" of a tombstone must be null: its reason goes to "metadata"'
        WHEN event ? 'data' AND event ? 'data_base64' THEN '"data" and "data_base64" exclude each other'
        WHEN NOT event ? 'data' AND NOT event ? 'data_base64' THEN '"data" or "data_base64" is missing'
        WHEN event ? 'data_base64' AND (jsonb_typeof(event -> 'data_base64') <> 'string'
                OR length(event ->> 'data_base64') % 4 <> 0
                OR event ->> 'data_base64' !~ '^[A-Za-z0-9+/]*={0,2}$') THEN '"data_base64" is not base64'
        WHEN event ? 'data_base64' AND NOT event ? 'datacontenttype'
            THEN '"data_base64" needs its "datacontenttype"'
        WHEN event ? 'data_base64' AND event ->> 'datacontenttype' ~* '^[^;]+[/+]json *(;.*)?$'
            THEN '"data_base64" is for content that is not JSON: JSON goes to "data"'
        WHEN event ? 'datacontenttype' AND (jsonb_typeof(event -> 'datacontenttype') <> 'string'
                OR event ->> 'datacontenttype' !~ '^[!-~][ -~]{0,199}$') THEN '"datacontenttype" must be a media type'
        WHEN event ? 'data' AND event ? 'datacontenttype'
                AND event ->> 'datacontenttype' !~* '^[^;]+[/+]json *(;.*)?$'
            THEN '"data" is JSON: other content goes to "data_base64"'
        WHEN event ? 'id' AND (jsonb_typeof(event -> 'id') <> 'string'
                OR event ->> 'id' !~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')
            THEN '"id" is not a UUID'
        WHEN event ? 'metadata' AND jsonb_typeof(event -> 'metadata') <> 'object'
            THEN '"metadata" must be a JSON object'
        WHEN event ? 'metadata' AND octet_length((event -> 'metadata')::text) > 65536
            THEN '"metadata" may have 64 KiB: part of it travels twice'
        WHEN octet_length(event #>> '{metadata,correlationid}') > 256 OR octet_length(event #>> '{metadata,causationid}') > 256
                OR octet_length(event #>> '{metadata,userid}') > 256
            THEN '"correlationid", "causationid" and "userid" in "metadata" may have 256 bytes each: they are indexed'
        WHEN event ? 'time' AND (jsonb_typeof(event -> 'time') <> 'string'
                OR event ->> 'time' !~ '^(?!0000)[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]([.][0-9]+)?|60([.]0+)?)([Zz]|[+-](0[0-9]|1[0-5]):[0-5][0-9])$'
                OR length(event ->> 'time') > 60 -- it, an offset from 16:00 on, or part of a leap second: PostgreSQL cannot
                OR substr(event ->> 'time', 1, 10) IN ('0001-01-01', '9999-12-31') -- another year in UTC
                OR substr(event ->> 'time', 9, 2)::int > extract(day FROM
                    make_date(substr(event ->> 'time', 1, 4)::int, substr(event ->> 'time', 6, 2)::int, 1)
                    + interval '1 month - 1 day'))
            THEN '"time" is not an RFC 3339 time'
        WHEN event ? 'schemaversion' AND (jsonb_typeof(event -> 'schemaversion') <> 'number'
                OR event ->> 'schemaversion' !~ '^[1-9][0-9]{0,8}$')
            THEN '"schemaversion" must be a whole number from 1'
        WHEN octet_length(event::text) <= least(max_event_bytes, 4096) THEN NULL
        WHEN octet_length(event::text) > max_event_bytes
            THEN 'it has ' || octet_length(event::text)::text || ' bytes of JSON, more than the limit of ' || max_event_bytes::text
        WHEN jsonb_path_exists(event, '$.**{2048}')
            THEN 'it is nested deeper than 2048 levels'
    END
$$;

-- weir.usual, weir.usual_extras: true only for one event that weir.problem would let pass. Most look
-- like this, and asking here costs a fifth. Inlined as well: each must stay one expression. What each
-- function in them costs is to be made ready, once a transaction, whether it comes to be called or
-- not: hence there are few, and what most events do not have (`extras`) is asked apart.
CREATE FUNCTION weir.usual(names text, event_type text, event jsonb, max_event_bytes integer) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    -- The three names together: short enough for each, of the characters of each, not reserved.
    SELECT length(names) <= 100
        AND names ~ '^[A-Za-z0-9_.-]+ [A-Za-z][A-Za-z0-9_.:/-]* [!-~]+$'
        AND NOT event_type ^@ 'weir.'
        AND event_type <> ALL ('{true,false}') -- else a text: no other JSON begins with a letter
        AND octet_length(event::text) <= least(max_event_bytes, 4096)
$$;
CREATE FUNCTION weir.usual_extras(extras jsonb) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT extras - '{id,metadata}'::text[] = '{}'
        AND (NOT extras ? 'id' OR translate(extras ->> 'id', '0123456789abcdefABCDEFx', 'xxxxxxxxxxxxxxxxxxxxxx?')
                                  = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx')
        AND (NOT extras ? 'metadata' OR extras @> '{"metadata": {}}' AND octet_length(extras ->> 'metadata') <= 256)
$$;

-- weir.check_append: raises WV002 for what weir.append must refuse; else whether a tombstone comes last.
CREATE FUNCTION weir.check_append(aggregate_type text, aggregate_id text, expected_version bigint, events jsonb,
                                  max_event_bytes integer) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    refused record;
BEGIN
    IF aggregate_type IS NULL OR aggregate_type !~ '^[A-Za-z0-9_.-]{1,100}$' THEN
        RAISE EXCEPTION 'invalid aggregate type %', quote_nullable(aggregate_type) USING ERRCODE = 'WV002',
            DETAIL = 'It must have 1 to 100 letters, digits, "_", "." or "-", since it names a topic.';
    ELSIF aggregate_id IS NULL OR octet_length(aggregate_id) NOT BETWEEN 1 AND 256
            OR aggregate_id ~ E'[\\u0001-\\u001f\\u007f-\\u009f]' THEN
        RAISE EXCEPTION 'invalid aggregate id %', quote_nullable(left(aggregate_id, 300)) USING ERRCODE = 'WV002',
            DETAIL = 'It must have 1 to 256 bytes and no control characters.';
    ELSIF expected_version < -1 THEN
        RAISE EXCEPTION 'invalid expected version %', expected_version USING ERRCODE = 'WV002',
            DETAIL = 'n >= 0: exactly n (0: must not exist), -1: must exist, NULL: any.';
    ELSIF events IS NULL OR jsonb_typeof(events) <> 'array' OR jsonb_array_length(events) = 0 THEN
        RAISE EXCEPTION 'events must be a JSON array of at least one event' USING ERRCODE = 'WV002';
    END IF;
    IF NOT EXISTS (SELECT FROM jsonb_array_elements(events) AS e(event)
                   WHERE (weir.usual(concat_ws(' ', aggregate_type, e.event ->> 'type', aggregate_id), e.event ->> 'type',
                                     e.event, max_event_bytes)
                          AND e.event -> 'data' IS NOT NULL
                          AND weir.usual_extras(e.event - '{type,data}'::text[])) IS NOT TRUE) THEN
        RETURN false;
    END IF;
    SELECT e.ordinal, p.problem INTO refused
        FROM jsonb_array_elements(events) WITH ORDINALITY AS e(event, ordinal),
             LATERAL (SELECT coalesce(weir.problem(e.event, max_event_bytes),
                                      CASE WHEN e.event ->> 'type' ~ '^weir[.]tombstone$'
                                                AND e.ordinal < jsonb_array_length(events)
                                           THEN 'a tombstone closes its stream: it must be the last event' END)
                     ) AS p(problem)
        WHERE p.problem IS NOT NULL ORDER BY e.ordinal LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'event % of % for %/% is refused: %', refused.ordinal, jsonb_array_length(events),
            aggregate_type, aggregate_id, refused.problem USING ERRCODE = 'WV002';
    END IF;
    RETURN events -> -1 ->> 'type' ~ '^weir[.]tombstone$';
END $$;

CREATE FUNCTION weir.append(aggregate_type text, aggregate_id text, expected_version bigint, events jsonb)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    event      jsonb;            -- the first; then what it has, if it is usual
    event_type text;
    data       jsonb;
    extras     jsonb;            -- more than type and data
    id         uuid;
    metadata   jsonb   := '{}';
    names      text;
    usual      boolean;          -- one event, and one like most
    has_ids    boolean := false;
    tombstone  boolean;          -- comes last among these events
    added      integer := 1;
    version    bigint;           -- of the stream after this append
    closed     boolean;
    earlier    record;           -- what an earlier append with these ids left
    floor      bigint;
    remembered text;             -- the floor of this transaction's first append
    idle_limit text;
    ignored    text;
BEGIN
    -- What the transaction must keep to: a SET clause would revert at the function's exit.
    IF current_setting('synchronous_commit') = 'off' THEN
        ignored := set_config('synchronous_commit', 'local', true);
    END IF;
    idle_limit := current_setting('idle_in_transaction_session_timeout');
    IF idle_limit = '0' THEN
        ignored := set_config('idle_in_transaction_session_timeout', weir.append_idle_timeout_ms()::text, true);
    ELSIF idle_limit::interval > weir.append_idle_timeout_ms() * interval '1 ms' THEN
        ignored := set_config('idle_in_transaction_session_timeout', weir.append_idle_timeout_ms()::text, true);
    END IF;

    -- Validation: quickly, if it is one event that looks like most; else closely.
    event := append.events -> 0;
    event_type := event ->> 'type';
    data := event -> 'data'; -- NULL as well for what is not an object
    names := concat_ws(' ', append.aggregate_type, event_type, append.aggregate_id);
    usual := data IS NOT NULL AND append.events -> 1 IS NULL AND append.aggregate_type IS NOT NULL
             AND append.aggregate_id IS NOT NULL AND coalesce(append.expected_version, 0) >= -1
             AND weir.usual(names, event_type, event, weir.max_event_bytes());
    IF usual THEN
        extras := event - '{type,data}'::text[];
        IF extras <> '{}' THEN
            usual := weir.usual_extras(extras);
            IF usual THEN
                id := extras ->> 'id';
                has_ids := id IS NOT NULL;
                metadata := coalesce(extras -> 'metadata', '{}');
            END IF;
        END IF;
    END IF;
    IF usual IS NOT TRUE THEN
        tombstone := weir.check_append(append.aggregate_type, append.aggregate_id, append.expected_version,
                                       append.events, weir.max_event_bytes());
        added := jsonb_array_length(append.events);
        has_ids := jsonb_path_exists(append.events, '$[*].id');
    END IF;

    -- Row lock; the version moves with it and is put back if nothing is added.
    INSERT INTO weir.streams AS s (aggregate_type, aggregate_id, version)
        VALUES (append.aggregate_type, append.aggregate_id, added)
        ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET version = s.version + excluded.version
        RETURNING s.version, s.closed INTO version, closed;

    -- Repeated ids: the identical batch is absorbed, a partial overlap is refused.
    IF has_ids THEN
        SELECT count(DISTINCT (i.event ->> 'id')::uuid) AS distinct_ids, count(i.event ->> 'id') AS ids,
               count(e.event_id) AS known, max(e.version) AS last,
               min(e.aggregate_id || ' (' || e.event_id || ')') AS example,
               bool_and(e.aggregate_id = append.aggregate_id AND e.event_type = i.event ->> 'type'
                        AND e.data IS NOT DISTINCT FROM i.event -> 'data'
                        AND e.data_binary IS NOT DISTINCT FROM decode(i.event ->> 'data_base64', 'base64'))
               AND max(e.version - i.ordinal) = min(e.version - i.ordinal) AS identical
            INTO earlier
            FROM jsonb_array_elements(append.events) WITH ORDINALITY AS i(event, ordinal)
            -- One index probe an id, whatever the statistics say: with the type among its conditions,
            -- a plan made while the store was empty scans every event of the type.
            LEFT JOIN LATERAL (SELECT x.* FROM weir.events x WHERE x.event_id = (i.event ->> 'id')::uuid
                               OFFSET 0) e ON e.aggregate_type = append.aggregate_type;
        IF earlier.distinct_ids < earlier.ids THEN
            RAISE EXCEPTION 'an event id stands twice in one append to %/%',
                append.aggregate_type, append.aggregate_id USING ERRCODE = 'WV002';
        ELSIF earlier.known = added AND earlier.identical THEN
            UPDATE weir.streams s SET version = s.version - added
                WHERE s.aggregate_type = append.aggregate_type AND s.aggregate_id = append.aggregate_id;
            RETURN earlier.last;
        ELSIF earlier.known > 0 THEN
            RAISE EXCEPTION '% of % event ids are already used in %', earlier.known, added, append.aggregate_type
                USING ERRCODE = 'WV003', DETAIL = format('For example in %s.', earlier.example),
                HINT = 'Only the identical append may be repeated; other events need other ids.';
        END IF;
    END IF;

    -- Version check. A closed stream stays closed.
    IF closed THEN
        RAISE EXCEPTION '%/% is closed', append.aggregate_type, append.aggregate_id USING ERRCODE = 'WV006',
            DETAIL = format('Its last event, version %s, is a tombstone.', version - added),
            HINT = 'Append to an aggregate with another id.';
    ELSIF append.expected_version + added <> version THEN
        IF append.expected_version >= 0 OR version = added THEN
            RAISE EXCEPTION 'conflict in %/%', append.aggregate_type, append.aggregate_id USING ERRCODE = 'WV001',
                DETAIL = format('expected version %s, actual version %s', append.expected_version, version - added);
        END IF;
    END IF;

    -- Fence: floor, lock, and only then the positions. A transaction remembers its first floor, so that
    -- it holds one lock however often it appends. The lock is taken on every call all the same, at a floor
    -- that is no later than the sequence: a forged memory does no harm, and taking it again is cheap.
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

    -- Insert.
    IF usual THEN
        INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
                                 data, data_binary, content_type, metadata, time, recorded_at)
            VALUES (nextval('weir.event_position'), append.aggregate_type, append.aggregate_id, version,
                    coalesce(id, gen_random_uuid()), event_type, 1, data, NULL,
                    'application/json', metadata, clock_timestamp(), clock_timestamp());
    ELSE
        INSERT INTO weir.events (position, aggregate_type, aggregate_id, version, event_id, event_type, schema_version,
                                 data, data_binary, content_type, metadata, time, recorded_at)
            SELECT nextval('weir.event_position'), append.aggregate_type, append.aggregate_id, version - added + e.ordinal,
                   coalesce(e.id, gen_random_uuid()), e.type, coalesce(e.schemaversion, 1),
                   -- A JSON null arrives here as an SQL NULL.
                   CASE WHEN e.data_base64 IS NULL THEN coalesce(e.data, 'null') END, decode(e.data_base64, 'base64'),
                   coalesce(e.datacontenttype, 'application/json'), coalesce(e.metadata, '{}'),
                   coalesce(e.time, clock_timestamp()), clock_timestamp()
            FROM ROWS FROM (jsonb_to_recordset(append.events) AS
                     (id uuid, type text, schemaversion integer, data jsonb, data_base64 text, datacontenttype text,
                      metadata jsonb, time timestamptz)) WITH ORDINALITY
                 AS e(id, type, schemaversion, data, data_base64, datacontenttype, metadata, time, ordinal);
        UPDATE weir.streams s SET closed = true
            WHERE tombstone AND s.aggregate_type = append.aggregate_type AND s.aggregate_id = append.aggregate_id;
    END IF;
    -- An older snapshot that waited above through a switch of partitions (0007) sees the new ones without
    -- the events that came to them last: they are not its partitions, as far as it knows.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        IF NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = 'weir.events'::regclass
                       AND i.inhrelid = to_regclass('weir.events_default')) THEN
            RAISE EXCEPTION 'the partitions of events were changed meanwhile' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;
    RETURN version;
END $$;
COMMENT ON FUNCTION weir.append IS
    'appends events to one aggregate if its version is as expected; returns the new version (WV001 conflict, WV002 refused, WV003 ids overlap, WV006 closed)';
