-- When the parts of an item's text were changed that stand, and its last revision: an edit that happened earlier
-- and comes later becomes a revision that does not stand. JSON, absent while nothing was edited.
ALTER TABLE items ADD COLUMN edited TEXT;

-- When the state was reached that `delivery_state` tells.
ALTER TABLE items ADD COLUMN delivery_state_at INTEGER;

-- Edits, deletions and statuses of items that are not here yet, in the order they came. They go when the item
-- comes, when their delivery goes, and with age; an inbox keeps the latest.
CREATE TABLE early_changes (
    id          INTEGER PRIMARY KEY,
    inbox       INTEGER NOT NULL REFERENCES inboxes (id),
    external_id TEXT NOT NULL,
    delivery    INTEGER NOT NULL REFERENCES deliveries (id),
    change      TEXT NOT NULL
) STRICT;

CREATE INDEX early_changes_by_key ON early_changes (inbox, external_id);

CREATE INDEX early_changes_by_inbox ON early_changes (inbox, id);

CREATE INDEX early_changes_by_delivery ON early_changes (delivery);
