-- What a remark comes from: it goes with it. Remarks of agents come from neither. One of a policy or the
-- host that is older than this goes with anybody who is erased of its conversation.
ALTER TABLE notes ADD COLUMN item INTEGER REFERENCES items (id);
ALTER TABLE notes ADD COLUMN decision INTEGER REFERENCES decisions (id);

-- Deliveries that told of changes of items which were not here: keyed digests of the items' ids, so that
-- a delivery goes with its item though that came later.
CREATE TABLE unknown_changes (
    digest   TEXT NOT NULL,
    delivery INTEGER NOT NULL REFERENCES deliveries (id),
    CONSTRAINT unknown_change PRIMARY KEY (digest, delivery)
) STRICT, WITHOUT ROWID;
