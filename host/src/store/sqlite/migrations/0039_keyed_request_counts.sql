-- How much is kept of each token's requests with a key, so that it is bounded without counting rows.
CREATE TABLE keyed_request_counts (
    token    INTEGER PRIMARY KEY,
    requests INTEGER NOT NULL,
    -- Of the answers' bodies.
    bytes    INTEGER NOT NULL
) STRICT;

INSERT INTO keyed_request_counts (token, requests, bytes)
SELECT token, count(*), ifnull(sum(octet_length(body)), 0) FROM keyed_requests GROUP BY token;

-- The oldest of a token go first.
CREATE INDEX keyed_requests_of_token_by_age ON keyed_requests (token, at);

CREATE TRIGGER keyed_request_is_counted AFTER INSERT ON keyed_requests
BEGIN
    INSERT INTO keyed_request_counts (token, requests, bytes)
    VALUES (new.token, 1, ifnull(octet_length(new.body), 0))
    ON CONFLICT (token) DO UPDATE SET requests = requests + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER kept_answer_is_counted AFTER UPDATE OF body ON keyed_requests
BEGIN
    UPDATE keyed_request_counts
    SET bytes = bytes + ifnull(octet_length(new.body), 0) - ifnull(octet_length(old.body), 0)
    WHERE token = new.token;
END;

CREATE TRIGGER keyed_request_is_counted_no_more AFTER DELETE ON keyed_requests
BEGIN
    UPDATE keyed_request_counts
    SET requests = requests - 1, bytes = bytes - ifnull(octet_length(old.body), 0)
    WHERE token = old.token;
    DELETE FROM keyed_request_counts WHERE token = old.token AND requests = 0;
END;
