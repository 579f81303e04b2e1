-- What lists show of a long item: its revision's row, and the item with its texts cut. Beside the whole text,
-- because SQLite reads a row's text from its first page to its last.
CREATE TABLE item_beginnings (
    id      INTEGER PRIMARY KEY REFERENCES item_revisions (id),
    content TEXT NOT NULL
) STRICT;

-- A beginning goes with what it is the beginning of, by whichever way that is erased or rewritten.
CREATE TRIGGER item_beginning_of_changed AFTER UPDATE OF content ON item_revisions
BEGIN
    DELETE FROM item_beginnings WHERE id = old.id;
END;

CREATE TRIGGER item_beginning_of_deleted BEFORE DELETE ON item_revisions
BEGIN
    DELETE FROM item_beginnings WHERE id = old.id;
END;
