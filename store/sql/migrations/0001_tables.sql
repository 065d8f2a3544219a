-- 0001_tables: the authoritative store. One row of identity, one row per stream, the events.
--
-- events is append-only: its rows enter through weir.append alone and never change. A position is
-- drawn from a sequence that must not cache (the fence in 0002 depends on it), and whose first
-- value is drawn here, so that last_value always is a value that somebody drew.

CREATE TABLE weir.store (
    only_row               boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    store_id               uuid NOT NULL DEFAULT gen_random_uuid(),
    store_number           integer NOT NULL CHECK (store_number BETWEEN 1 AND 32767),
    format_version         integer NOT NULL DEFAULT 1,
    max_event_bytes        integer NOT NULL DEFAULT 900000,
    append_idle_timeout_ms integer NOT NULL DEFAULT 60000,
    created_at             timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE weir.store IS 'who this store is: one row';

CREATE TABLE weir.streams (
    aggregate_type text   NOT NULL,
    aggregate_id   text   NOT NULL,
    version        bigint NOT NULL,
    closed         boolean NOT NULL DEFAULT false, -- its last event is a tombstone
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE weir.streams IS
    'one row per aggregate; its row lock serialises appends, and no index covers version, so updates are HOT';

CREATE SEQUENCE weir.event_position AS bigint MINVALUE 0 MAXVALUE 281474976710655 START WITH 0 CACHE 1;
SELECT nextval('weir.event_position');

CREATE TABLE weir.events (
    position       bigint      NOT NULL,
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    version        bigint      NOT NULL,
    event_id       uuid        NOT NULL,
    event_type     text        NOT NULL,
    schema_version integer     NOT NULL,
    data           jsonb,
    data_binary    bytea,
    content_type   text        NOT NULL,
    metadata       jsonb       NOT NULL,
    time           timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    UNIQUE (aggregate_type, aggregate_id, version),
    UNIQUE (event_id, aggregate_type),
    CHECK ((data IS NULL) <> (data_binary IS NULL))
) PARTITION BY LIST (aggregate_type);
-- Every index is paid for by every append, so each stands for a read that would else walk the store.
-- The two UNIQUE ones above are promises first: versions without a double, ids without a double; they
-- also serve streams and repeated appends. Positions rise, so each index here grows at its right end,
-- or at the right end of each value: the pages written to are few and cached, and split full. The read
-- statements give their bounds as rows, which no other index than the one on just these columns serves.
CREATE INDEX events_position ON weir.events (position);
-- One type among many: subscriptions from the store, replays, the relay's refills.
CREATE INDEX events_category ON weir.events (aggregate_type, position);
-- One kind of event across aggregates, for whoever asks a question anew, and the doctor's samples.
CREATE INDEX events_event_type ON weir.events (event_type, position);
-- Support follows one request or one user. Partial: an event without the key pays one test and no WAL.
CREATE INDEX events_correlation ON weir.events ((metadata ->> 'correlationid'), position)
    WHERE metadata ? 'correlationid';
CREATE INDEX events_causation ON weir.events ((metadata ->> 'causationid'), position)
    WHERE metadata ? 'causationid';
CREATE INDEX events_user ON weir.events ((metadata ->> 'userid'), position)
    WHERE metadata ? 'userid';
CREATE TABLE weir.events_default PARTITION OF weir.events DEFAULT;
ALTER SEQUENCE weir.event_position OWNED BY weir.events.position;
COMMENT ON TABLE weir.events IS 'every event, append-only; position orders all, version orders one aggregate';

CREATE FUNCTION weir.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'weir.events is append-only: % is refused', TG_OP
        USING ERRCODE = 'WV004', HINT = 'Append a new event that corrects the old one.';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON weir.events
    FOR EACH ROW EXECUTE FUNCTION weir.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON weir.events
    FOR EACH STATEMENT EXECUTE FUNCTION weir.refuse_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON weir.events_default
    FOR EACH STATEMENT EXECUTE FUNCTION weir.refuse_change();
ALTER TABLE weir.events ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE weir.events ENABLE ALWAYS TRIGGER append_only_truncate;
ALTER TABLE weir.events_default ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE weir.events_default ENABLE ALWAYS TRIGGER append_only_truncate;
