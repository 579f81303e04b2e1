-- From this row of `item_revisions` on, the index has the beginnings of texts; of rows before it the whole. A text
-- is taken out of the index by the same text.
ALTER TABLE search_progress ADD COLUMN beginnings_from INTEGER NOT NULL DEFAULT 0;

UPDATE search_progress SET beginnings_from = indexed + 1;
