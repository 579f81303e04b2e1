CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY,
    conversation    INTEGER NOT NULL REFERENCES conversations (id),
    item            INTEGER NOT NULL REFERENCES items (id),
    inbox           INTEGER NOT NULL REFERENCES inboxes (id),
    state           TEXT NOT NULL CONSTRAINT outbox_state CHECK (state IN ('queued', 'sent', 'failed', 'parked')),
    attempts        INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    last_error      TEXT,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE state = 'queued';

CREATE INDEX outbox_by_conversation ON outbox (conversation);

CREATE INDEX outbox_by_item ON outbox (item);
