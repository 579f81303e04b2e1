-- How much there is, counted in the transaction that changes it: counting rows walks whole tables.
CREATE TABLE totals (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO totals (name, count)
VALUES
    ('deliveries', 0),
    ('unparsed', 0),
    ('items', 0),
    ('conversations', 0),
    ('decisions', 0);
