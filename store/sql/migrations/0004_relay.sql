-- 0004_relay: what a relay remembers. Kafka's tail is the truth of what was published; these rows
-- say where to start reading, and which topic and how many partitions an aggregate type has.

CREATE TABLE weir.topics (
    aggregate_type text PRIMARY KEY,
    topic          text        NOT NULL UNIQUE,
    partitions     integer     NOT NULL CHECK (partitions > 0),
    generation     integer     NOT NULL DEFAULT 1 CHECK (generation > 0),
    accepted       bigint      NOT NULL DEFAULT 0,
    recorded_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.topics IS 'the recorded topic of an aggregate type; partition = murmur2(aggregate id) mod partitions';
COMMENT ON COLUMN weir.topics.generation IS 'raised when all events are published anew, in another topic';
COMMENT ON COLUMN weir.topics.accepted IS 'events of the topic that the store does not have are known of up to this position';

CREATE TABLE weir.relays (
    relay        text        NOT NULL,
    shard        integer     NOT NULL DEFAULT 0,
    shards       integer     NOT NULL DEFAULT 1,
    epoch        bigint      NOT NULL DEFAULT 0,
    position     bigint      NOT NULL DEFAULT 0,
    sent         bigint      NOT NULL DEFAULT 0,
    published    bigint      NOT NULL DEFAULT 0,
    clean        boolean     NOT NULL DEFAULT true,
    transactional_id text,
    holder       text,
    started_at   timestamptz,
    heartbeat_at timestamptz,
    PRIMARY KEY (relay, shard)
) WITH (fillfactor = 50);
COMMENT ON COLUMN weir.relays.shards IS 'how many there are; all rows of a relay agree';
COMMENT ON COLUMN weir.relays.heartbeat_at IS 'by this clock; standbys only look whether it moves';
COMMENT ON COLUMN weir.relays.position IS 'cursor: every event of its partitions up to here is acknowledged by Kafka';
COMMENT ON COLUMN weir.relays.sent IS 'position of the last event handed to Kafka, acknowledged or not; only to explain lag';
COMMENT ON COLUMN weir.relays.epoch IS 'raised by whoever takes over; a cursor update of an older epoch finds no row';
COMMENT ON COLUMN weir.relays.clean IS 'the last holder stopped with nothing in flight';
COMMENT ON COLUMN weir.relays.transactional_id IS 'Kafka may hold an open transaction of this id; ended before a tail is read';

CREATE TABLE weir.relay_partitions (
    relay       text    NOT NULL,
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    position    bigint  NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (relay, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE weir.relay_partitions IS 'as of the cursor: last position in this partition and the offset after it';

-- Which server process holds the lock of a relay's shard: relay_lock.sql takes it by the same key.
CREATE FUNCTION weir.relay_holders() RETURNS TABLE (relay text, shard integer, pid integer)
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.relay, r.shard, l.pid
    FROM weir.relays r CROSS JOIN weir.store s
    JOIN pg_catalog.pg_locks l ON l.classid::bigint = s.store_number
        AND l.objid::bigint = hashtext(r.relay || '/' || r.shard)::bigint & 4294967295
    WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
$$;

-- weir.raise_position: positions up to that one go to no event any more. Drawing them one by one never
-- lowers the sequence, whoever appends at the same time.
CREATE FUNCTION weir.raise_position(upto bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM nextval('weir.event_position')
        FROM generate_series(1, upto - (SELECT last_value FROM weir.event_position));
    RETURN (SELECT last_value FROM weir.event_position);
END $$;
