CREATE TABLE departments (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL CONSTRAINT department_name UNIQUE,
    title      TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
    id         INTEGER PRIMARY KEY,
    department INTEGER NOT NULL REFERENCES departments (id),
    name       TEXT NOT NULL CONSTRAINT agent_name UNIQUE,
    title      TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE queues (
    id         INTEGER PRIMARY KEY,
    department INTEGER NOT NULL REFERENCES departments (id),
    name       TEXT NOT NULL,
    title      TEXT NOT NULL,
    kind       TEXT NOT NULL CONSTRAINT queue_kind CHECK (kind IN ('ordinary', 'operator', 'junk')),
    created_at INTEGER NOT NULL,
    CONSTRAINT queue_name UNIQUE (department, name)
) STRICT;

CREATE TABLE inboxes (
    id             INTEGER PRIMARY KEY,
    name           TEXT NOT NULL CONSTRAINT inbox_name UNIQUE,
    department     INTEGER NOT NULL REFERENCES departments (id),
    channel        TEXT NOT NULL,
    adapter        TEXT NOT NULL,
    settings       TEXT NOT NULL,
    operator_queue INTEGER NOT NULL REFERENCES queues (id),
    junk_queue     INTEGER NOT NULL REFERENCES queues (id),
    promise        TEXT,
    access         TEXT NOT NULL,
    reply_hosts    TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    revision       INTEGER NOT NULL
) STRICT;

-- What belongs to the installation as a whole, such as the admin token's digest.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
