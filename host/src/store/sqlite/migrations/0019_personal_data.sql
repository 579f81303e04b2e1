-- What is taken out of the index is overwritten there.
INSERT INTO item_search (item_search, rank) VALUES ('secure-delete', 1);

-- What is erased keeps its place; its texts are gone since then.
ALTER TABLE contacts ADD COLUMN erased_at INTEGER;
ALTER TABLE conversations ADD COLUMN erased_at INTEGER;
ALTER TABLE items ADD COLUMN erased_at INTEGER;

-- Who else wrote in conversations that are with somebody else: rare, so that finding everything by a
-- person costs no index on every item.
CREATE TABLE participants (
    contact      INTEGER NOT NULL REFERENCES contacts (id),
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    CONSTRAINT participant PRIMARY KEY (contact, conversation)
) STRICT, WITHOUT ROWID;

INSERT INTO participants (contact, conversation)
SELECT DISTINCT d.contact, i.conversation
FROM items AS i
CROSS JOIN identities AS d ON d.id = i.identity
CROSS JOIN conversations AS c ON c.id = i.conversation
WHERE c.contact <> d.contact;

-- Deliveries that told of items which others had brought: repetitions, edits, removals, statuses.
CREATE TABLE delivery_items (
    item     INTEGER NOT NULL REFERENCES items (id),
    delivery INTEGER NOT NULL REFERENCES deliveries (id),
    CONSTRAINT delivery_item PRIMARY KEY (item, delivery)
) STRICT, WITHOUT ROWID;

-- Deliveries whose bytes are gone. Apart from the deliveries, because their last column is the body:
-- one behind it would be read by way of the body.
CREATE TABLE purged_deliveries (
    delivery INTEGER PRIMARY KEY REFERENCES deliveries (id),
    at       INTEGER NOT NULL
) STRICT;

-- Keyed digests of the external ids of erased items, so that a repetition brings nothing back.
CREATE TABLE erased_keys (
    digest TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- SQLite's own random bytes are a cipher's, seeded by the operating system.
INSERT INTO installation (name, value) VALUES ('erased-keys-secret', lower(hex(randomblob(32))));

-- What was erased with a contact, and since when nothing of it is on the disk any more.
CREATE TABLE erasures (
    contact  INTEGER PRIMARY KEY REFERENCES contacts (id),
    at       INTEGER NOT NULL,
    erased   TEXT NOT NULL,
    wiped_at INTEGER
) STRICT;

-- For how long an inbox keeps what.
ALTER TABLE inboxes ADD COLUMN retention TEXT NOT NULL DEFAULT '{}';

-- Up to which delivery an inbox's are purged.
CREATE TABLE retention_marks (
    inbox    INTEGER PRIMARY KEY REFERENCES inboxes (id),
    delivery INTEGER NOT NULL
) STRICT;

-- Deliveries before the mark that nobody could read yet: their bytes are all there is of them.
CREATE TABLE kept_unread (
    delivery INTEGER PRIMARY KEY REFERENCES deliveries (id)
) STRICT;

CREATE INDEX conversations_ended ON conversations (inbox, updated_at)
WHERE status = 'closed' AND merged_into IS NULL AND erased_at IS NULL;
