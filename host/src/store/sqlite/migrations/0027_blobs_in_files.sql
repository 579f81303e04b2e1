-- Compiled plugins and components are files beside the database, so that large ones are written apart from what
-- comes in. What older hosts kept in `artefacts` and `components` is read there until it is moved.
CREATE TABLE artefact_files (
    key          TEXT PRIMARY KEY,
    -- To whom it counts: the owner of the activation for which it was made; absent for the company.
    owner        INTEGER REFERENCES departments (id),
    bytes        INTEGER NOT NULL,
    -- Since when no activation can use it; absent while one can.
    unused_since INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX artefact_files_by_owner ON artefact_files (owner, bytes);

-- A release is counted from its own columns, because its content may be large.
ALTER TABLE releases ADD COLUMN owner INTEGER REFERENCES departments (id);
-- How large the component is that is kept; absent once it is deleted.
ALTER TABLE releases ADD COLUMN kept_bytes INTEGER;
-- Since when it is yanked and no activation runs it.
ALTER TABLE releases ADD COLUMN unused_since INTEGER;

UPDATE releases SET kept_bytes = (SELECT octet_length(c.bytes) FROM components AS c WHERE c.release = releases.id);

-- Counts by owner read this index alone, and no content.
CREATE INDEX releases_by_owner ON releases (owner, kept_bytes);

-- Whether the version that is to take over waits to be prepared.
ALTER TABLE activations ADD COLUMN is_preparing INTEGER NOT NULL DEFAULT 0;

UPDATE activations
SET is_preparing = 1
WHERE ifnull(content ->> '$.next.preparation.state', content ->> '$.preparation.state') = 'preparing';

CREATE INDEX activations_by_owner ON activations (owner, is_preparing);

-- An activation keeps its last versions.
DELETE FROM activation_versions
WHERE revision <= (
    SELECT max(v.revision) - 50 FROM activation_versions AS v WHERE v.activation = activation_versions.activation
);
