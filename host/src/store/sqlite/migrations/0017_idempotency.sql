-- Requests with a key, so that they can be sent again without being done twice.
CREATE TABLE keyed_requests (
    token        INTEGER NOT NULL,
    key          TEXT NOT NULL,
    fingerprint  TEXT NOT NULL,
    at           INTEGER NOT NULL,
    -- Of the answer, once there is one.
    status       INTEGER,
    content_type TEXT,
    etag         TEXT,
    body         BLOB,
    CONSTRAINT keyed_request PRIMARY KEY (token, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX keyed_requests_by_age ON keyed_requests (at);
