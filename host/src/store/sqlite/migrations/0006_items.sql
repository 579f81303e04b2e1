CREATE TABLE items (
    id             INTEGER PRIMARY KEY,
    conversation   INTEGER NOT NULL REFERENCES conversations (id),
    inbox          INTEGER NOT NULL REFERENCES inboxes (id),
    external_id    TEXT NOT NULL,
    identity       INTEGER REFERENCES identities (id),
    delivery       INTEGER REFERENCES deliveries (id),
    direction      TEXT NOT NULL CONSTRAINT item_direction CHECK (direction IN ('inbound', 'outbound')),
    received_at    INTEGER NOT NULL,
    deleted_at     INTEGER,
    -- How far an answer of ours came, by the channel's word.
    delivery_state TEXT,
    -- The latest revision: its number, and its row in `item_revisions`.
    revision       INTEGER NOT NULL,
    content        INTEGER NOT NULL,
    CONSTRAINT item_external_id UNIQUE (inbox, external_id)
) STRICT;

CREATE INDEX items_by_conversation ON items (conversation, id);

-- The only place of an item's text; a revision never changes.
CREATE TABLE item_revisions (
    id       INTEGER PRIMARY KEY,
    item     INTEGER NOT NULL REFERENCES items (id),
    revision INTEGER NOT NULL,
    content  TEXT NOT NULL,
    CONSTRAINT item_revision UNIQUE (item, revision)
) STRICT;

-- Rows are those of `item_revisions`. Without texts and positions (a third of the size): a hit is
-- checked against the text itself. Texts come folded, so the tokenizer need not.
CREATE VIRTUAL TABLE item_search USING fts5 (
    text,
    content = '',
    columnsize = 0,
    detail = none,
    tokenize = 'trigram case_sensitive 1'
);
