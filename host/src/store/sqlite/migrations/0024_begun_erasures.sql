-- Erasures that are not at their ends: each is done in many transactions, and a host goes on with what the
-- one before it had begun. A row goes with the last of them, when what was erased is in `erasures`.
CREATE TABLE begun_erasures (
    contact  INTEGER PRIMARY KEY REFERENCES contacts (id),
    at       INTEGER NOT NULL,
    -- What came later than this id goes with the last transaction, so that there is a last one.
    up_to    INTEGER NOT NULL,
    -- How far it is, which no statement selects by.
    progress TEXT NOT NULL,
    -- How much went so far.
    erased   TEXT NOT NULL
) STRICT;

-- Whatever is erased goes with what was merged into it.
CREATE INDEX conversation_merges_by_older ON conversation_merges (older);
