-- What was applied to this schema, with the checksum of the text that was applied.
CREATE TABLE IF NOT EXISTS weir.migrations (
    number     integer PRIMARY KEY,
    name       text        NOT NULL,
    checksum   text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
