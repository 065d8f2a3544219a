-- 0005_consumer: what a subscription remembers. A checkpoint moves by compare-and-swap in the same
-- transaction as the effects it stands for; that is what makes an effect happen exactly once.

CREATE TABLE weir.subscriptions (
    subscription text        NOT NULL,
    generation   integer     NOT NULL CHECK (generation > 0),
    kind         text        NOT NULL DEFAULT 'projection',
    serving      boolean     NOT NULL DEFAULT true,
    definition   jsonb       NOT NULL DEFAULT '{}',
    stopped_at   timestamptz,
    stopped_why  text,
    paused_at    timestamptz,
    paused_by    text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    served_at    timestamptz,
    PRIMARY KEY (subscription, generation)
);
CREATE UNIQUE INDEX subscriptions_serving ON weir.subscriptions (subscription) WHERE serving;
COMMENT ON COLUMN weir.subscriptions.paused_at IS 'nothing is applied until it is NULL again; set with the epochs raised';
COMMENT ON COLUMN weir.subscriptions.served_at IS 'when readers last came to this generation; NULL: never';
COMMENT ON COLUMN weir.subscriptions.stopped_why IS 'why the runtime stopped it; NULL while it runs';

CREATE TABLE weir.checkpoints (
    subscription      text    NOT NULL,
    generation        integer NOT NULL,
    topic             text    NOT NULL,
    partition         integer NOT NULL,
    lanes             integer NOT NULL DEFAULT 1,
    lane              integer NOT NULL DEFAULT 0,
    next_offset       bigint  NOT NULL DEFAULT -1,
    position          bigint  NOT NULL DEFAULT 0,
    epoch             bigint  NOT NULL DEFAULT 0,
    events            bigint  NOT NULL DEFAULT 0,
    last_processed_at timestamptz,
    PRIMARY KEY (subscription, generation, topic, partition, lanes, lane),
    FOREIGN KEY (subscription, generation) REFERENCES weir.subscriptions
) WITH (fillfactor = 50);
COMMENT ON COLUMN weir.checkpoints.lanes IS 'how many the partition has; all its rows agree; an event is of lane murmur2(aggregate id) / partitions mod lanes';
COMMENT ON COLUMN weir.checkpoints.epoch IS 'raised by whoever else than the runtime changes what is to be done';
COMMENT ON COLUMN weir.checkpoints.next_offset IS 'the next offset to read; -1: nothing read yet';
COMMENT ON COLUMN weir.checkpoints.position IS 'every event of this partition (and lane) up to here was applied';

-- weir.move_checkpoints: the compare-and-swap. Raises WV010, and so undoes the effects, unless
-- every row still has the offset and the epoch that the caller read.
CREATE FUNCTION weir.move_checkpoints(
    subscription text, generation integer, topics text[], partitions integer[], lanes integer[], lane integer[],
    from_offsets bigint[], epochs bigint[], to_offsets bigint[], positions bigint[], events bigint[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moved integer;
BEGIN
    UPDATE weir.checkpoints c
        SET next_offset = m.to_offset, position = m.position, events = c.events + m.events,
            last_processed_at = clock_timestamp()
        FROM unnest(topics, partitions, move_checkpoints.lanes, move_checkpoints.lane, from_offsets, epochs, to_offsets,
                    positions, move_checkpoints.events)
             AS m(topic, partition, lanes, lane, from_offset, epoch, to_offset, position, events)
        WHERE c.subscription = move_checkpoints.subscription AND c.generation = move_checkpoints.generation
          AND c.topic = m.topic AND c.partition = m.partition AND c.lanes = m.lanes AND c.lane = m.lane
          AND c.next_offset = m.from_offset AND c.epoch = m.epoch
          AND c.next_offset <= m.to_offset AND c.position <= m.position;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(topics) THEN
        RAISE EXCEPTION 'the checkpoint of % was moved by somebody else', move_checkpoints.subscription
            USING ERRCODE = 'WV010', DETAIL = format('%s of %s rows matched', moved, cardinality(topics));
    END IF;
END $$;

-- weir.hold_checkpoint: the compare-and-swap of who tries letters again: nothing moves, but the epoch rises, so that of
-- two that believe to own the lane one finds out before it does the same.
CREATE FUNCTION weir.hold_checkpoint(
    subscription text, generation integer, topic text, partition integer, lanes integer, lane integer,
    from_offset bigint, epoch bigint)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE weir.checkpoints c SET epoch = c.epoch + 1
        WHERE c.subscription = hold_checkpoint.subscription AND c.generation = hold_checkpoint.generation
          AND c.topic = hold_checkpoint.topic AND c.partition = hold_checkpoint.partition
          AND c.lanes = hold_checkpoint.lanes AND c.lane = hold_checkpoint.lane
          AND c.next_offset = hold_checkpoint.from_offset AND c.epoch = hold_checkpoint.epoch;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the checkpoint of % was moved by somebody else', hold_checkpoint.subscription USING ERRCODE = 'WV010';
    END IF;
END $$;

-- weir.open_checkpoints: makes the rows that are missing, with that number of lanes, and gives it to the
-- partitions that have another one and whose rows agree, for then every lane stands at the same event. The
-- others stay as they are. Who still has the old rows in mind finds them gone. only_recorded: no row for a topic
-- that is not recorded. What was applied from the store ('$store') is not applied again from a topic: the row
-- there stays as what every topic begins with. In a transaction of its own; members that do this at once wait
-- for each other.
CREATE FUNCTION weir.open_checkpoints(
    subscription text, generation integer, topics text[], partitions integer[], lanes integer, only_recorded boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    at record;
    applied record;
BEGIN
    PERFORM FROM weir.subscriptions s
        WHERE s.subscription = open_checkpoints.subscription AND s.generation = open_checkpoints.generation
        FOR NO KEY UPDATE;
    SELECT coalesce(max(c.position) FILTER (WHERE c.topic = '$store'), 0) AS position,
           coalesce(min(c.position) FILTER (WHERE c.topic = '$store'), 0) AS least,
           coalesce(bool_or(c.topic <> '$store'), false) AS topics
        INTO applied
        FROM weir.checkpoints c
        WHERE c.subscription = open_checkpoints.subscription AND c.generation = open_checkpoints.generation;
    IF '$store' = ANY (topics) AND applied.topics THEN
        RAISE EXCEPTION '% was fed from topics and cannot go on from the store', subscription
            USING ERRCODE = 'WV017', HINT = 'Set its source to kafka again, or rebuild it (from kafka, if it is being rebuilt)';
    ELSIF '$store' <> ALL (topics) AND applied.least <> applied.position THEN
        RAISE EXCEPTION 'the lanes of % stand at different events of the store', subscription
            USING ERRCODE = 'WV017', HINT = 'Let it run once more from the store, then from kafka';
    END IF;
    INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane, position)
        SELECT open_checkpoints.subscription, open_checkpoints.generation, p.topic, p.partition, open_checkpoints.lanes,
               l.lane, applied.position
        FROM unnest(topics, partitions) AS p(topic, partition), generate_series(0, open_checkpoints.lanes - 1) AS l(lane)
        WHERE (NOT only_recorded OR EXISTS (SELECT FROM weir.topics t WHERE t.topic = p.topic))
          AND NOT EXISTS (SELECT FROM weir.checkpoints c
                          WHERE c.subscription = open_checkpoints.subscription AND c.generation = open_checkpoints.generation
                            AND c.topic = p.topic AND c.partition = p.partition);
    FOR at IN SELECT c.topic, c.partition, max(c.next_offset) AS next_offset, max(c.position) AS position,
                     max(c.epoch) AS epoch, sum(c.events) AS events, max(c.last_processed_at) AS last_processed_at
              FROM (SELECT c.* FROM weir.checkpoints c, unnest(topics, partitions) AS p(topic, partition)
                    WHERE c.subscription = open_checkpoints.subscription AND c.generation = open_checkpoints.generation
                      AND c.topic = p.topic AND c.partition = p.partition
                    ORDER BY c.topic, c.partition, c.lane FOR UPDATE OF c) c
              GROUP BY c.topic, c.partition
              HAVING min(c.lanes) <> open_checkpoints.lanes AND min(c.next_offset) = max(c.next_offset)
                 AND min(c.position) = max(c.position) AND count(*) = min(c.lanes)
    LOOP
        DELETE FROM weir.checkpoints c
            WHERE c.subscription = open_checkpoints.subscription AND c.generation = open_checkpoints.generation
              AND c.topic = at.topic AND c.partition = at.partition;
        INSERT INTO weir.checkpoints (subscription, generation, topic, partition, lanes, lane, next_offset, position,
                                      epoch, events, last_processed_at)
            SELECT open_checkpoints.subscription, open_checkpoints.generation, at.topic, at.partition,
                   open_checkpoints.lanes, l.lane, at.next_offset, at.position, at.epoch + 1,
                   CASE WHEN l.lane = 0 THEN at.events ELSE 0 END, at.last_processed_at
            FROM generate_series(0, open_checkpoints.lanes - 1) AS l(lane);
    END LOOP;
END $$;

-- Dead letters: what a subscription could not apply, and what waits behind it.
CREATE TABLE weir.parked (
    subscription     text        NOT NULL,
    generation       integer     NOT NULL,
    aggregate_type   text        NOT NULL,
    aggregate_id     text        NOT NULL,
    topic            text        NOT NULL,
    partition        integer     NOT NULL,
    since            timestamptz NOT NULL DEFAULT clock_timestamp(),
    redrives         integer     NOT NULL DEFAULT 0,
    next_redrive_at  timestamptz,
    PRIMARY KEY (subscription, generation, aggregate_type, aggregate_id),
    FOREIGN KEY (subscription, generation) REFERENCES weir.subscriptions
);
COMMENT ON TABLE weir.parked IS 'aggregates whose events wait, in order, in dead_letters; written by the runtime alone, with a checkpoint';
COMMENT ON COLUMN weir.parked.next_redrive_at IS 'when the runtime tries again by itself; NULL: not any more';

CREATE TABLE weir.dead_letters (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription   text        NOT NULL,
    generation     integer     NOT NULL,
    topic          text        NOT NULL,
    partition      integer     NOT NULL,
    message_offset bigint,
    position       bigint,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    version        bigint,
    event_id       uuid,
    event_type     text,
    key            bytea,
    value          bytea,
    header_names   text[]      NOT NULL DEFAULT '{}',
    header_values  bytea[]     NOT NULL DEFAULT '{}',
    message_time   timestamptz,
    cause          text        NOT NULL CHECK (cause IN ('refused', 'unreadable', 'behind')),
    status         text        NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'applied', 'discarded', 'skipped')),
    error_class    text,
    error_text     text,
    attempts       integer     NOT NULL DEFAULT 0,
    first_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    mark           text        CHECK (mark IN ('retry', 'discard')),
    edited         bytea,
    published_at   timestamptz,
    FOREIGN KEY (subscription, generation) REFERENCES weir.subscriptions
);
CREATE INDEX dead_letters_waiting ON weir.dead_letters (subscription, generation, aggregate_type, aggregate_id, id)
    WHERE status = 'waiting';
CREATE INDEX dead_letters_marked ON weir.dead_letters (subscription, generation) WHERE mark IS NOT NULL;
CREATE INDEX dead_letters_unpublished ON weir.dead_letters (subscription, id) WHERE published_at IS NULL;
COMMENT ON COLUMN weir.dead_letters.cause IS 'refused by the handler; unreadable as an event; behind one of its aggregate';
COMMENT ON COLUMN weir.dead_letters.message_offset IS 'NULL: read from the store';
COMMENT ON COLUMN weir.dead_letters.mark IS 'what a person asked for and the runtime has not done yet';
COMMENT ON COLUMN weir.dead_letters.edited IS 'a value to be applied instead of the original one, which stays';
COMMENT ON COLUMN weir.dead_letters.published_at IS 'when it went to the dead letter topic';

CREATE TABLE weir.dead_letter_log (
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by          text        NOT NULL DEFAULT session_user,
    letter      bigint      NOT NULL,
    action      text        NOT NULL,
    detail      text
);
CREATE INDEX dead_letter_log_letter ON weir.dead_letter_log (letter, at);
COMMENT ON TABLE weir.dead_letter_log IS 'who did what to a letter: parked, retry, discard, edit asked for; applied, discarded, failed by the runtime';

-- weir.key_hash: what Kafka's Java clients take of a key to find its partition: murmur2 of its UTF-8 bytes, 31 bits.
CREATE FUNCTION weir.key_hash(key text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bytes bytea   := convert_to(key, 'UTF8');
    rest  integer := octet_length(bytes) % 4;
    whole integer := octet_length(bytes) - rest;
    h     bigint  := 2538058380 # octet_length(bytes)::bigint;
    k     bigint;
    at    integer := 0;
BEGIN
    WHILE at < whole LOOP
        k := get_byte(bytes, at)::bigint | (get_byte(bytes, at + 1) << 8) | (get_byte(bytes, at + 2) << 16)
             | (get_byte(bytes, at + 3)::bigint << 24);
        k := k * 1540483477 & 4294967295;
        k := (k # (k >> 24)) * 1540483477 & 4294967295;
        h := (h * 1540483477 & 4294967295) # k;
        at := at + 4;
    END LOOP;
    IF rest > 0 THEN
        IF rest > 2 THEN h := h # (get_byte(bytes, whole + 2)::bigint << 16); END IF;
        IF rest > 1 THEN h := h # (get_byte(bytes, whole + 1)::bigint << 8); END IF;
        h := (h # get_byte(bytes, whole)::bigint) * 1540483477 & 4294967295;
    END IF;
    h := (h # (h >> 13)) * 1540483477 & 4294967295;
    RETURN ((h # (h >> 15)) & 2147483647)::integer;
END $$;

-- weir.applied: how far a subscription is with one event. reached: its partition and lane are past it. held: the
-- aggregate is parked, and waits at this event or before it. No row: there is no such subscription.
CREATE FUNCTION weir.applied(subscription text, aggregate_type text, aggregate_id text, hash integer, event_position bigint)
RETURNS TABLE (reached boolean, held boolean, reads boolean, stopped boolean, paused boolean, why text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
               SELECT FROM weir.checkpoints c
               LEFT JOIN weir.topics t ON t.topic = c.topic AND t.aggregate_type = applied.aggregate_type,
               LATERAL (SELECT CASE WHEN c.topic = '$store' THEN 1 ELSE t.partitions END AS partitions) k
               WHERE c.subscription = s.subscription AND c.generation = s.generation
                 AND c.partition = applied.hash % k.partitions AND c.lane = applied.hash / k.partitions % c.lanes
                 AND c.position >= applied.event_position),
           EXISTS (SELECT FROM weir.parked p
                   WHERE p.subscription = s.subscription AND p.generation = s.generation
                     AND p.aggregate_type = applied.aggregate_type AND p.aggregate_id = applied.aggregate_id
                     AND coalesce((SELECT min(coalesce(l.position, 0)) FROM weir.dead_letters l
                                   WHERE l.subscription = s.subscription AND l.generation = s.generation
                                     AND l.aggregate_type = p.aggregate_type AND l.aggregate_id = p.aggregate_id
                                     AND l.status = 'waiting'), 0) <= applied.event_position),
           NOT s.definition ? 'from' OR s.definition -> 'from' ?| ARRAY[applied.aggregate_type, '*'],
           s.stopped_at IS NOT NULL, s.paused_at IS NOT NULL, coalesce(s.stopped_why, 'by ' || s.paused_by)
    FROM weir.subscriptions s
    WHERE s.subscription = applied.subscription AND s.serving
$$;

-- weir.wait_for: returns once the serving generation of the subscription has applied that event (or skipped it), so
-- that whoever appended it finds its effects. It looks again after pauses of 1 to 50 ms.
CREATE FUNCTION weir.wait_for(subscription text, aggregate_type text, aggregate_id text, version bigint,
                              timeout interval DEFAULT '5 s')
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    until          timestamptz := clock_timestamp() + coalesce(wait_for.timeout, '5 s');
    pause          float8      := 0.001;
    hash           integer     := weir.key_hash(wait_for.aggregate_id);
    floor          bigint      := nullif(current_setting('weir.fence_' || weir.store_number()::text, true), '');
    event_position bigint;
    at             record;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'waiting for a subscription needs READ COMMITTED, not %',
            upper(current_setting('transaction_isolation'))
            USING ERRCODE = 'WV005', HINT = 'An older snapshot would never see it get on.';
    END IF;
    IF EXISTS (SELECT FROM weir.subscriptions s
               WHERE s.subscription = wait_for.subscription AND s.serving AND s.definition ? 'topics') THEN
        RAISE EXCEPTION 'the subscription % reads topics that weir did not write', wait_for.subscription
            USING ERRCODE = 'WV011', HINT = 'No event of the store ever reaches it.';
    END IF;
    event_position := (SELECT e.position FROM weir.events e
                       WHERE e.aggregate_type = wait_for.aggregate_type AND e.aggregate_id = wait_for.aggregate_id
                         AND e.version = wait_for.version);
    IF event_position IS NULL THEN
        RAISE EXCEPTION '%/% has no version%', wait_for.aggregate_type, wait_for.aggregate_id, coalesce(' ' || wait_for.version, '')
            USING ERRCODE = 'WV012', HINT = 'Its transaction has not committed, or it does not exist.';
    ELSIF event_position > floor THEN
        RAISE EXCEPTION 'this transaction has appended, and nobody sees version % of %/% before its end',
            wait_for.version, wait_for.aggregate_type, wait_for.aggregate_id
            USING ERRCODE = 'WV013', HINT = 'Commit first, then wait.';
    END IF;
    LOOP
        SELECT * INTO at FROM weir.applied(wait_for.subscription, wait_for.aggregate_type, wait_for.aggregate_id, hash,
                                           event_position);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no subscription %', wait_for.subscription
                USING ERRCODE = 'WV011', HINT = 'It is known from its first run on.';
        ELSIF NOT at.reads THEN
            RAISE EXCEPTION 'the subscription % does not read %', wait_for.subscription, wait_for.aggregate_type
                USING ERRCODE = 'WV011';
        ELSIF at.held THEN
            RAISE EXCEPTION '%/% is parked in %', wait_for.aggregate_type, wait_for.aggregate_id, wait_for.subscription
                USING ERRCODE = 'WV014', HINT = 'weir dlq list says what waits, and why.';
        ELSIF at.reached THEN
            RETURN;
        ELSIF at.stopped OR at.paused THEN
            RAISE EXCEPTION '% is %', wait_for.subscription, CASE WHEN at.stopped THEN 'stopped' ELSE 'paused' END
                USING ERRCODE = 'WV015', DETAIL = coalesce(at.why, '');
        ELSIF clock_timestamp() >= until THEN
            RAISE EXCEPTION '% has not applied version % of %/% yet', wait_for.subscription, wait_for.version,
                wait_for.aggregate_type, wait_for.aggregate_id USING ERRCODE = 'WV016',
                DETAIL = format('waited for %s', coalesce(wait_for.timeout, '5 s'));
        END IF;
        PERFORM pg_sleep(least(pause, greatest(extract(epoch FROM until - clock_timestamp())::float8, 0)));
        pause := least(pause * 1.5, 0.05);
    END LOOP;
END $$;
COMMENT ON FUNCTION weir.wait_for IS
    'waits until a subscription has applied an event (WV005 isolation, WV011 no such subscription, WV012 no such event, WV013 appended by this transaction, WV014 parked, WV015 stopped or paused, WV016 timeout)';
