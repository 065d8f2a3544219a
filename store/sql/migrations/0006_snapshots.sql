-- 0006_snapshots: states of aggregates at a version, so that a load replays only what came later.
--
-- Never the truth: every row may be removed at any moment. Who may append may leave one through
-- weir.save_snapshot, which needs no right to read or remove any; who may read events may read them.

CREATE TABLE weir.snapshots (
    aggregate_type text        NOT NULL,
    aggregate_id   text        NOT NULL,
    version        bigint      NOT NULL CHECK (version > 0),
    schema_version integer     NOT NULL,
    state          bytea       NOT NULL,
    checksum       bytea       NOT NULL CHECK (octet_length(checksum) = 32),
    taken_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (aggregate_type, aggregate_id, version)
);
COMMENT ON TABLE weir.snapshots IS 'states of aggregates at a version; a cache, never the truth';
COMMENT ON COLUMN weir.snapshots.state IS 'msgpack, as the aggregate''s class writes it';
COMMENT ON COLUMN weir.snapshots.checksum IS
    'SHA-256 of type, NUL, id, NUL, version (8 bytes, big endian), schema version (4 bytes), state';

-- weir.save_snapshot: keeps one and removes all but the latest of its aggregate. One of a version
-- that the aggregate does not have is refused: it would stand for events that never happened.
CREATE FUNCTION weir.save_snapshot(
    aggregate_type text, aggregate_id text, version bigint, schema_version integer, state bytea,
    checksum bytea, keep integer)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT EXISTS (SELECT FROM weir.streams s
                   WHERE s.aggregate_type = save_snapshot.aggregate_type
                     AND s.aggregate_id = save_snapshot.aggregate_id AND s.version >= save_snapshot.version) THEN
        RAISE EXCEPTION '%/% has no version % to take a snapshot of', save_snapshot.aggregate_type,
            save_snapshot.aggregate_id, save_snapshot.version USING ERRCODE = 'WV002';
    END IF;
    INSERT INTO weir.snapshots AS s (aggregate_type, aggregate_id, version, schema_version, state, checksum)
        VALUES (save_snapshot.aggregate_type, save_snapshot.aggregate_id, save_snapshot.version,
                save_snapshot.schema_version, save_snapshot.state, save_snapshot.checksum)
        ON CONFLICT (aggregate_type, aggregate_id, version) DO UPDATE
        SET schema_version = excluded.schema_version, state = excluded.state,
            checksum = excluded.checksum, taken_at = excluded.taken_at
        WHERE (s.schema_version, s.state, s.checksum)
              IS DISTINCT FROM (excluded.schema_version, excluded.state, excluded.checksum);
    DELETE FROM weir.snapshots s
        WHERE s.aggregate_type = save_snapshot.aggregate_type AND s.aggregate_id = save_snapshot.aggregate_id
          AND s.version <= (SELECT o.version FROM weir.snapshots o
                            WHERE o.aggregate_type = save_snapshot.aggregate_type
                              AND o.aggregate_id = save_snapshot.aggregate_id
                            ORDER BY o.version DESC OFFSET greatest(save_snapshot.keep, 1) LIMIT 1);
END $$;
COMMENT ON FUNCTION weir.save_snapshot IS
    'keeps a snapshot and removes all but the latest `keep` of that aggregate (WV002: no such version)';
