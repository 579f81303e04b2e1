CREATE TABLE contacts (
    id         INTEGER PRIMARY KEY,
    name       TEXT,
    vip        INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE identities (
    id          INTEGER PRIMARY KEY,
    contact     INTEGER NOT NULL REFERENCES contacts (id),
    channel     TEXT NOT NULL,
    external_id TEXT NOT NULL,
    handle      TEXT,
    name        TEXT,
    followers   INTEGER,
    verified    INTEGER NOT NULL,
    CONSTRAINT identity_external_id UNIQUE (channel, external_id)
) STRICT;

CREATE INDEX identities_by_contact ON identities (contact);

CREATE TABLE conversations (
    id            INTEGER PRIMARY KEY,
    inbox         INTEGER NOT NULL REFERENCES inboxes (id),
    thread_key    TEXT NOT NULL,
    contact       INTEGER NOT NULL REFERENCES contacts (id),
    identity      INTEGER NOT NULL REFERENCES identities (id),
    status        TEXT NOT NULL CONSTRAINT conversation_status CHECK (status IN ('open', 'pending', 'closed')),
    department    INTEGER REFERENCES departments (id),
    queue         INTEGER REFERENCES queues (id),
    assignee      INTEGER REFERENCES agents (id),
    priority      INTEGER NOT NULL CONSTRAINT conversation_priority CHECK (priority BETWEEN 0 AND 3),
    deadline      INTEGER,
    waiting_since INTEGER,
    opened_at     INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    item_count    INTEGER NOT NULL,
    merged_into   INTEGER REFERENCES conversations (id),
    revision      INTEGER NOT NULL,
    -- What no statement selects by: see `Facts`.
    facts         TEXT NOT NULL,
    CONSTRAINT conversation_thread_key UNIQUE (inbox, thread_key)
) STRICT;

-- The order in which a queue is answered. The last column serves the queues' loads.
CREATE INDEX conversations_in_queue ON conversations (
    queue,
    status,
    priority DESC,
    ifnull(deadline, 9223372036854775807),
    id,
    waiting_since
) WHERE queue IS NOT NULL AND merged_into IS NULL;

CREATE INDEX conversations_by_contact ON conversations (contact, status);

CREATE INDEX conversations_by_assignee ON conversations (assignee) WHERE assignee IS NOT NULL;

-- References to items that are not here, or are known by another external id now. An item that is
-- here is found by its own key.
CREATE TABLE thread_references (
    inbox        INTEGER NOT NULL,
    reference    TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    CONSTRAINT thread_reference PRIMARY KEY (inbox, reference)
) STRICT, WITHOUT ROWID;

CREATE INDEX thread_references_by_conversation ON thread_references (conversation);

CREATE TABLE conversation_tags (
    tag          TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    PRIMARY KEY (tag, conversation)
) STRICT, WITHOUT ROWID;

-- What a merge changed, so that it can be taken back.
CREATE TABLE conversation_merges (
    younger INTEGER PRIMARY KEY REFERENCES conversations (id),
    older   INTEGER NOT NULL REFERENCES conversations (id),
    at      INTEGER NOT NULL,
    -- Both as they were, and the ids of what was moved.
    undo    TEXT NOT NULL
) STRICT;

CREATE TABLE notes (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    by           TEXT NOT NULL,
    text         TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;

CREATE INDEX notes_by_conversation ON notes (conversation);
