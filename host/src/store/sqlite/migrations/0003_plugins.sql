CREATE TABLE releases (
    id           INTEGER PRIMARY KEY,
    digest       TEXT NOT NULL CONSTRAINT release_digest UNIQUE,
    name         TEXT NOT NULL,
    version      TEXT NOT NULL,
    summary      TEXT NOT NULL,
    content      TEXT NOT NULL,
    CONSTRAINT release_version UNIQUE (name, version)
) STRICT;

-- Apart from the releases, so that lists never walk over megabytes.
CREATE TABLE components (
    release INTEGER PRIMARY KEY REFERENCES releases (id),
    bytes   BLOB NOT NULL
) STRICT;

CREATE TABLE artefacts (
    id    INTEGER PRIMARY KEY,
    key   TEXT NOT NULL CONSTRAINT artefact_key UNIQUE,
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE activations (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL CONSTRAINT activation_name UNIQUE,
    release    INTEGER NOT NULL REFERENCES releases (id),
    owner      INTEGER REFERENCES departments (id),
    updated_at INTEGER NOT NULL,
    content    TEXT NOT NULL
) STRICT;

CREATE TABLE activation_versions (
    activation INTEGER NOT NULL REFERENCES activations (id),
    revision   INTEGER NOT NULL,
    content    TEXT NOT NULL,
    CONSTRAINT activation_revision PRIMARY KEY (activation, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE generations (
    number  INTEGER PRIMARY KEY,
    id      INTEGER NOT NULL CONSTRAINT generation_id UNIQUE,
    content TEXT NOT NULL
) STRICT;
