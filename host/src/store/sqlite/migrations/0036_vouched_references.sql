-- Who named an id decides whom it leads anywhere: each has a row of its own, so that a stranger who names an id
-- first keeps others' items from nothing. 0: the company sent an item under it. -1: a writer who proves
-- nothing named it.
CREATE TABLE named_references (
    inbox        INTEGER NOT NULL,
    reference    TEXT NOT NULL,
    contact      INTEGER NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    CONSTRAINT thread_reference PRIMARY KEY (inbox, reference, contact)
) STRICT, WITHOUT ROWID;

INSERT INTO named_references (inbox, reference, contact, conversation)
SELECT
    t.inbox,
    t.reference,
    iif(
        t.reference GLOB 'out_*'
            AND length(t.reference) = 17
            AND EXISTS (SELECT 1 FROM outbox AS o WHERE o.conversation = t.conversation),
        0,
        c.contact
    ),
    t.conversation
FROM thread_references AS t
CROSS JOIN conversations AS c ON c.id = t.conversation;

DROP TABLE thread_references;

ALTER TABLE named_references RENAME TO thread_references;

CREATE INDEX thread_references_by_conversation ON thread_references (conversation);

-- Conversations that an item of `conversation` refers to and did not join: an agent merges them, or dismisses
-- the suggestion.
CREATE TABLE merge_suggestions (
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    other        INTEGER NOT NULL REFERENCES conversations (id),
    item         INTEGER NOT NULL REFERENCES items (id),
    at           INTEGER NOT NULL,
    dismissed    INTEGER NOT NULL DEFAULT 0,
    CONSTRAINT merge_suggestion PRIMARY KEY (conversation, other)
) STRICT, WITHOUT ROWID;

CREATE INDEX merge_suggestions_by_other ON merge_suggestions (other);
