-- Up to which row of `item_revisions` texts are indexed. Those behind it wait until there are enough
-- to be indexed in common, which costs half as much; until then a search looks through them.
CREATE TABLE search_progress (
    indexed INTEGER NOT NULL
) STRICT;

INSERT INTO search_progress (indexed) SELECT ifnull(max(id), 0) FROM item_revisions;
