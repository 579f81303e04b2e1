-- A key is registered once by each department, so that none keeps another from registering a key that both have.
CREATE TABLE signing_keys_by_owner (
    id         INTEGER PRIMARY KEY,
    public_key TEXT NOT NULL,
    department INTEGER REFERENCES departments (id),
    content    TEXT NOT NULL
) STRICT;

INSERT INTO signing_keys_by_owner (id, public_key, department, content)
SELECT id, public_key, department, content FROM signing_keys;

DROP TABLE signing_keys;

ALTER TABLE signing_keys_by_owner RENAME TO signing_keys;

-- The company's keys have no department; no department has the number 0.
CREATE UNIQUE INDEX signing_key_of_owner ON signing_keys (public_key, ifnull(department, 0));

-- Names this installation in the statement that a key's owner signs to register it.
INSERT INTO installation (name, value) VALUES ('id', lower(hex(randomblob(16))));
