-- What callers show to say who they are; of the token itself only its digest is kept.
CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY,
    title      TEXT NOT NULL,
    role       TEXT NOT NULL CONSTRAINT token_role CHECK (role IN ('admin', 'author', 'agent', 'service', 'auditor')),
    department INTEGER REFERENCES departments (id),
    agent      INTEGER REFERENCES agents (id),
    allowance  TEXT NOT NULL,
    sha256     TEXT NOT NULL CONSTRAINT token_digest UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- The one token there was before.
INSERT INTO tokens (id, title, role, allowance, sha256, created_at)
SELECT 1, 'the first admin', 'admin', '{}', value, 0 FROM installation WHERE name = 'admin-token-sha256';
DELETE FROM installation WHERE name = 'admin-token-sha256';

ALTER TABLE inboxes ADD COLUMN allowance TEXT NOT NULL DEFAULT '{}';
