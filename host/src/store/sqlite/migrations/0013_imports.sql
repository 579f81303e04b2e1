-- Which records of imports are here, so that none is taken in twice. What comes over HTTP is not in it.
CREATE TABLE imports (
    inbox    INTEGER NOT NULL REFERENCES inboxes (id),
    key      TEXT NOT NULL,
    delivery INTEGER NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    CONSTRAINT import_key PRIMARY KEY (inbox, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX imports_by_delivery ON imports (delivery);
