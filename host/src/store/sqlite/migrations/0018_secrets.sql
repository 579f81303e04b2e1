-- Secrets. Their values are sealed with a key that is not in here.
CREATE TABLE secrets (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL CONSTRAINT secret_name UNIQUE,
    department INTEGER REFERENCES departments (id),
    uses       TEXT NOT NULL,
    hosts      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revision   INTEGER NOT NULL
) STRICT;

-- A retired value is deleted; that it was there stays.
CREATE TABLE secret_values (
    id         INTEGER PRIMARY KEY,
    secret     INTEGER NOT NULL REFERENCES secrets (id),
    sealed     BLOB,
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    CONSTRAINT retired_is_gone CHECK ((sealed IS NULL) = (retired_at IS NOT NULL))
) STRICT;
CREATE INDEX secret_values_by_secret ON secret_values (secret);

-- Which secret is meant by each of the adapter's names for one.
ALTER TABLE inboxes ADD COLUMN secrets TEXT NOT NULL DEFAULT '{}';
