-- Merging the parts of the index is a fifth of what indexing costs; a search over up to sixteen
-- parts of a size is fast enough.
INSERT INTO item_search (item_search, rank) VALUES ('automerge', 16);
