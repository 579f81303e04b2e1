-- Keys whose signatures of releases count.
CREATE TABLE signing_keys (
    id         INTEGER PRIMARY KEY,
    public_key TEXT NOT NULL CONSTRAINT signing_key UNIQUE,
    department INTEGER REFERENCES departments (id),
    content    TEXT NOT NULL
) STRICT;
