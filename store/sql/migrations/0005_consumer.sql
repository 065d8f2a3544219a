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
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subscription, generation)
);
CREATE UNIQUE INDEX subscriptions_serving ON weir.subscriptions (subscription) WHERE serving;
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
COMMENT ON COLUMN weir.checkpoints.next_offset IS 'the next offset to read; -1: nothing read yet';
COMMENT ON COLUMN weir.checkpoints.position IS 'every event of this partition (and lane) up to here was applied';

-- weir.move_checkpoints: the compare-and-swap. Raises WV010, and so undoes the effects, unless
-- every row still has the offset and the epoch that the caller read.
CREATE FUNCTION weir.move_checkpoints(
    subscription text, generation integer, topics text[], partitions integer[],
    from_offsets bigint[], epochs bigint[], to_offsets bigint[], positions bigint[], events bigint[])
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    moved integer;
BEGIN
    UPDATE weir.checkpoints c
        SET next_offset = m.to_offset, position = m.position, events = c.events + m.events,
            last_processed_at = clock_timestamp()
        FROM unnest(topics, partitions, from_offsets, epochs, to_offsets, positions, move_checkpoints.events)
             AS m(topic, partition, from_offset, epoch, to_offset, position, events)
        WHERE c.subscription = move_checkpoints.subscription AND c.generation = move_checkpoints.generation
          AND c.topic = m.topic AND c.partition = m.partition AND c.lanes = 1 AND c.lane = 0
          AND c.next_offset = m.from_offset AND c.epoch = m.epoch
          AND c.next_offset <= m.to_offset AND c.position <= m.position;
    GET DIAGNOSTICS moved = ROW_COUNT;
    IF moved <> cardinality(topics) THEN
        RAISE EXCEPTION 'the checkpoint of % was moved by somebody else', move_checkpoints.subscription
            USING ERRCODE = 'WV010', DETAIL = format('%s of %s partitions matched', moved, cardinality(topics));
    END IF;
END $$;
