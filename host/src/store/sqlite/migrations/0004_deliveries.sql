-- Appended to, in the order of their ids; only what became of one is ever changed.
CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    inbox       INTEGER NOT NULL REFERENCES inboxes (id),
    received_at INTEGER NOT NULL,
    outcome     TEXT NOT NULL CONSTRAINT delivery_outcome CHECK (outcome IN ('accepted', 'unparsed')),
    reason      TEXT,
    attempts    INTEGER NOT NULL,
    arrivals    INTEGER NOT NULL,
    adapter     TEXT,
    method      TEXT NOT NULL,
    path        TEXT NOT NULL,
    query       TEXT,
    headers     TEXT NOT NULL,
    body_bytes  INTEGER NOT NULL,
    -- Last, so that lists read the columns before it without its overflow pages.
    body        BLOB NOT NULL
) STRICT;

CREATE INDEX deliveries_unparsed ON deliveries (id) WHERE outcome = 'unparsed';
