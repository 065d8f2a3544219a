-- 0007_partitions: splitting aggregate types out of the default partition while the store is used.
--
-- A second tree of partitions, weir.events_next, is filled with copies of committed events, chunk by
-- chunk and through the fence; then, under a lock of milliseconds, the last events follow and the new
-- partitions take the old default's place in one transaction. No event is ever deleted or changed: the
-- old default is dropped as a whole, once everything in it stands elsewhere. So a reader sees each
-- event exactly once at any moment, a crash leaves the store as it was, and the next call resumes.
-- The copies carry CHECKs that imply their bounds, hence nothing is scanned under the lock.

CREATE FUNCTION weir.partitions()
RETURNS TABLE (partition text, relation oid, is_default boolean, aggregate_types text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relname, c.oid, b.bound = 'DEFAULT',
           (SELECT coalesce(array_agg(m[1]), '{}') FROM regexp_matches(b.bound, '''([^'']+)''', 'g') m)
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_catalog.pg_get_expr(c.relpartbound, c.oid)) AS b(bound)
    WHERE i.inhparent = 'weir.events'::regclass
$$;
COMMENT ON FUNCTION weir.partitions IS 'the partitions of weir.events, and whose events each one holds';

CREATE FUNCTION weir.lock_partitions() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_xact_lock(weir.store_number(), hashtext('weir.partitions'))
$$;
COMMENT ON FUNCTION weir.lock_partitions IS 'until the transaction ends nobody else copies or rewrites events';

-- weir.prepare_partitions: makes the empty copies, or finds those of an earlier call for the same types.
CREATE FUNCTION weir.prepare_partitions(types text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text := array_to_string(ARRAY(SELECT DISTINCT t FROM unnest(types) t ORDER BY t), ' ');
    begun  text;
    taken  text[];
    type   text;
    leaf   text;
    leaves text[] := '{events_next_default}';
BEGIN
    PERFORM weir.lock_partitions(); -- a killed call may still be at it
    begun := obj_description(to_regclass('weir.events_next'));
    IF begun = wanted THEN
        RETURN true;
    ELSIF begun IS NOT NULL THEN
        RAISE EXCEPTION 'another split is not finished: %', begun USING ERRCODE = 'WV007',
            HINT = format('Finish it (weir partition add %s --execute) or give it up (weir partition add --abandon).', begun);
    END IF;
    SELECT array_agg(t) INTO taken FROM weir.partitions() p, unnest(p.aggregate_types) t;
    FOREACH type IN ARRAY types LOOP
        IF type IS NULL OR type !~ '^[A-Za-z0-9_.-]{1,100}$' THEN
            RAISE EXCEPTION 'invalid aggregate type %', quote_nullable(type) USING ERRCODE = 'WV002';
        ELSIF type = ANY (taken) THEN
            RAISE EXCEPTION '% has a partition of its own already', type USING ERRCODE = 'WV007',
                HINT = 'weir partition list shows them all.';
        END IF;
    END LOOP;
    CREATE TABLE weir.events_next (LIKE weir.events INCLUDING ALL) PARTITION BY LIST (aggregate_type);
    EXECUTE format('COMMENT ON TABLE weir.events_next IS %L', wanted);
    EXECUTE format('CREATE TABLE weir.events_next_default PARTITION OF weir.events_next
                        (CONSTRAINT others CHECK (aggregate_type <> ALL (%L::text[]))) DEFAULT', taken || types);
    FOREACH type IN ARRAY string_to_array(wanted, ' ') LOOP
        leaf := 'events_' || left(regexp_replace(lower(type), '[^a-z0-9]', '_', 'g'), 40);
        IF leaf <> 'events_' || type OR to_regclass('weir.' || leaf) IS NOT NULL THEN
            leaf := leaf || '_' || left(md5(type), 8);
        END IF;
        EXECUTE format('CREATE TABLE weir.%I PARTITION OF weir.events_next
                            (CONSTRAINT own CHECK (aggregate_type = %2$L)) FOR VALUES IN (%2$L)', leaf, type);
        leaves := leaves || leaf;
    END LOOP;
    FOREACH leaf IN ARRAY leaves LOOP
        -- A vacuum would make the switch wait. It sets this back.
        EXECUTE format('ALTER TABLE weir.%I SET (autovacuum_enabled = false)', leaf);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON weir.%I
                            FOR EACH STATEMENT EXECUTE FUNCTION weir.refuse_change()', leaf);
        EXECUTE format('ALTER TABLE weir.%I ENABLE ALWAYS TRIGGER append_only_truncate', leaf);
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'weir_reader') THEN
            EXECUTE format('GRANT SELECT ON weir.%I TO weir_reader', leaf);
        END IF;
    END LOOP;
    RETURN false;
END $$;

-- weir.copy_to_partitions: the next events up to the horizon, at most `most`; how many, and how far it is.
CREATE FUNCTION weir.copy_to_partitions(most bigint, OUT copied bigint, OUT reached bigint, OUT goal bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM weir.lock_partitions();
    SELECT h.horizon INTO goal FROM weir.horizon() h;
    SELECT coalesce(max(e.position), 0) INTO reached FROM weir.events_next e;
    INSERT INTO weir.events_next
        SELECT d.* FROM weir.events_default d
        WHERE d.position > reached AND d.position <= goal ORDER BY d.position LIMIT most;
    GET DIAGNOSTICS copied = ROW_COUNT;
    SELECT coalesce(max(e.position), 0) INTO reached FROM weir.events_next e;
END $$;

-- weir.compare_copies: how many events have positions beyond `after` and up to `upto`; raises unless
-- exactly these are copied.
CREATE FUNCTION weir.compare_copies(after bigint, upto bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here  record;
    there record;
BEGIN
    SELECT count(*) AS events, sum(e.position) AS positions INTO here
        FROM weir.events_default e WHERE e.position > after AND e.position <= upto;
    SELECT count(*) AS events, sum(e.position) AS positions INTO there
        FROM weir.events_next e WHERE e.position > after AND e.position <= upto;
    IF here IS DISTINCT FROM there THEN
        RAISE EXCEPTION 'the copies hold % events, the default partition %', there.events, here.events
            USING ERRCODE = 'WV007', HINT = 'Give the split up (weir partition add --abandon) and begin again.';
    END IF;
    RETURN there.events;
END $$;

-- weir.check_partitions: raises unless the copies are what the default holds, and notes up to where that
-- is settled, at most the horizon, for the switch to go on from; and gives them statistics, for without
-- them the first plans after the switch would be bad.
CREATE FUNCTION weir.check_partitions() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reached bigint;
    events  bigint;
BEGIN
    PERFORM weir.lock_partitions();
    SELECT h.horizon INTO reached FROM weir.horizon() h;
    SELECT least(coalesce(max(e.position), 0), reached) INTO reached FROM weir.events_next e;
    events := weir.compare_copies(0, reached);
    EXECUTE format('COMMENT ON TABLE weir.events_next_default IS %L', reached);
    ANALYZE weir.events_next;
    RETURN events;
END $$;

-- The switch takes two sessions. Copied rows are new ones: a transaction above READ COMMITTED whose
-- snapshot is older than a copy would find neither the old row nor the new. So the first session keeps
-- writers out (readers go on); the second copies what is left, in a transaction of its own; then the
-- first waits until no snapshot is left from before that, keeps out readers too, and switches.

-- weir.snapshot_holders: transactions of this database that hold a snapshot now; without those that
-- wait to append: in READ COMMITTED they go on with a new one, above it weir.append refuses them.
CREATE FUNCTION weir.snapshot_holders(with_appenders boolean) RETURNS text[]
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_stat_clear_snapshot();
    SELECT coalesce(array_agg(a.pid || ' ' || l.virtualtransaction), '{}')
    FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'virtualxid'
    WHERE a.datname = current_database() AND a.usesysid IS NOT NULL AND a.backend_xmin IS NOT NULL
      AND a.pid <> pg_backend_pid()
      AND (with_appenders OR NOT EXISTS (
          SELECT FROM pg_locks w WHERE w.pid = a.pid AND NOT w.granted AND w.mode = 'RowExclusiveLock'
                                   AND w.relation = 'weir.events'::regclass))
$$;

-- weir.hold_events: keeps writers out until the transaction ends; or says why not now, rather than let
-- others queue behind it. A vacuum of the old default yields to it within a second or so.
CREATE FUNCTION weir.hold_events() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM weir.lock_partitions();
    PERFORM set_config('weir.old_snapshots', weir.snapshot_holders(true)::text, true);
    LOCK TABLE ONLY weir.events_default IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM set_config('lock_timeout', '100ms', true);
    LOCK TABLE ONLY weir.events IN SHARE MODE;
    RETURN NULL;
EXCEPTION WHEN lock_not_available THEN
    RETURN 'somebody is appending for long';
END $$;

-- weir.copy_rest: everything that is left. Only while another session holds weir.hold_events: nobody
-- has drawn a position then that is not in sight.
CREATE FUNCTION weir.copy_rest() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO weir.events_next
        SELECT d.* FROM weir.events_default d
        WHERE d.position > (SELECT coalesce(max(e.position), 0) FROM weir.events_next e);
END $$;

-- weir.switch_partitions: after both, in the first session. The copies take the default's place; or why
-- not now. What it drops is gone, so it trusts no caller to have done the rest: it sees for itself that
-- writers are out and that all beyond the last check is copied.
CREATE FUNCTION weir.switch_partitions() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holders text[];
    began   timestamptz := clock_timestamp();
    checked bigint := obj_description('weir.events_next_default'::regclass)::bigint;
    leaf    record;
BEGIN
    IF checked IS NULL OR current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'the switch needs READ COMMITTED, and copies that were checked' USING ERRCODE = 'WV007',
            HINT = 'weir partition add --execute does all of it.';
    END IF;
    LOCK TABLE ONLY weir.events IN SHARE MODE;
    PERFORM weir.compare_copies(checked, 9223372036854775807);
    -- All that hold a snapshot from before the last copy, and appenders that did before the one before.
    holders := ARRAY(SELECT unnest(weir.snapshot_holders(false)) UNION
                     (SELECT unnest(current_setting('weir.old_snapshots')::text[])
                      INTERSECT SELECT unnest(weir.snapshot_holders(true))));
    WHILE cardinality(holders) > 0 LOOP
        IF clock_timestamp() > began + interval '500 ms' THEN
            RETURN format('session %s holds an old snapshot', split_part(holders[1], ' ', 1));
        END IF;
        PERFORM pg_sleep(0.002);
        holders := ARRAY(SELECT unnest(holders) INTERSECT SELECT unnest(weir.snapshot_holders(true)));
    END LOOP;
    BEGIN
        LOCK TABLE ONLY weir.events, ONLY weir.events_default IN ACCESS EXCLUSIVE MODE;
    EXCEPTION WHEN lock_not_available THEN
        RETURN 'somebody is reading for long';
    END;
    ALTER TABLE weir.events DETACH PARTITION weir.events_default;
    DROP TABLE weir.events_default;
    FOR leaf IN SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
                FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'weir.events_next'::regclass
                ORDER BY pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' LOOP
        EXECUTE format('ALTER TABLE weir.%I RESET (autovacuum_enabled)', leaf.name);
        EXECUTE format('ALTER TABLE weir.events_next DETACH PARTITION weir.%I', leaf.name);
        EXECUTE format('ALTER TABLE weir.events ATTACH PARTITION weir.%I %s', leaf.name, leaf.bound);
        EXECUTE format('ALTER TABLE weir.%I ENABLE ALWAYS TRIGGER append_only', leaf.name);
    END LOOP;
    ALTER TABLE weir.events_next_default RENAME TO events_default;
    COMMENT ON TABLE weir.events_default IS NULL;
    DROP TABLE weir.events_next;
    RETURN NULL;
END $$;

CREATE FUNCTION weir.abandon_partitions() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM weir.lock_partitions();
    IF to_regclass('weir.events_next') IS NULL THEN
        RETURN false;
    END IF;
    DROP TABLE weir.events_next;
    RETURN true;
END $$;
COMMENT ON FUNCTION weir.abandon_partitions IS 'drops the copies of a split that was not finished; the store is as it was';
