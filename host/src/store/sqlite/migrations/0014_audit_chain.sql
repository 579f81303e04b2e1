-- Each entry's place in the chain, in the order in which they were committed, and a digest of the entry
-- and of the link before it. Entries from before the chain have neither.
ALTER TABLE audit ADD COLUMN number INTEGER;
ALTER TABLE audit ADD COLUMN link TEXT;

CREATE UNIQUE INDEX audit_number ON audit (number) WHERE number IS NOT NULL;
