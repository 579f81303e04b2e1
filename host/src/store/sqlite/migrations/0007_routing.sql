-- What waits to be judged; a row goes when its decision is committed.
CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    item         INTEGER REFERENCES items (id),
    occasion     TEXT NOT NULL,
    at           INTEGER NOT NULL,
    depth        INTEGER NOT NULL,
    -- 1 for the oldest of its conversation: the only one that may be claimed.
    is_next      INTEGER NOT NULL
) STRICT;

CREATE INDEX events_by_conversation ON events (conversation);

CREATE INDEX events_claimable ON events (id) WHERE is_next = 1;

CREATE TABLE timers (
    conversation   INTEGER NOT NULL REFERENCES conversations (id),
    purpose        TEXT NOT NULL,
    due_at         INTEGER NOT NULL,
    until_answered INTEGER NOT NULL,
    depth          INTEGER NOT NULL,
    CONSTRAINT timer_purpose PRIMARY KEY (conversation, purpose)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE decisions (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    content      TEXT NOT NULL
) STRICT;

CREATE INDEX decisions_by_conversation ON decisions (conversation);
