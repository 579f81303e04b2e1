-- Deliveries that no adapter could read so far and whose bytes are still here, so that they are bounded by
-- age and by bytes. Apart from the deliveries, because those that are purged stay unparsed.
CREATE TABLE unread (
    delivery       INTEGER PRIMARY KEY REFERENCES deliveries (id),
    inbox          INTEGER NOT NULL REFERENCES inboxes (id),
    is_unauthentic INTEGER NOT NULL,
    bytes          INTEGER NOT NULL
) STRICT;

CREATE INDEX unread_by_age ON unread (inbox, is_unauthentic, delivery);

-- How many bytes of them each inbox holds.
CREATE TABLE unread_totals (
    inbox INTEGER PRIMARY KEY REFERENCES inboxes (id),
    bytes INTEGER NOT NULL
) STRICT;

CREATE TRIGGER unread_is_counted AFTER INSERT ON unread
BEGIN
    INSERT INTO unread_totals (inbox, bytes) VALUES (new.inbox, new.bytes)
    ON CONFLICT (inbox) DO UPDATE SET bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER unread_is_counted_no_more AFTER DELETE ON unread
BEGIN
    UPDATE unread_totals SET bytes = bytes - old.bytes WHERE inbox = old.inbox;
END;

INSERT INTO unread (delivery, inbox, is_unauthentic, bytes)
SELECT
    id, inbox, ifnull(substr(reason, 1, 12) = 'unauthentic:', 0),
    256 + body_bytes + octet_length(path) + ifnull(octet_length(query), 0) + octet_length(headers)
        + ifnull(octet_length(reason), 0)
FROM deliveries
WHERE outcome = 'unparsed' AND id NOT IN (SELECT delivery FROM purged_deliveries);

-- Which ids a kept answer names, so that an erasure finds those it is about without reading them all.
CREATE TABLE answer_names (
    token INTEGER NOT NULL,
    key   TEXT NOT NULL,
    name  TEXT NOT NULL,
    CONSTRAINT answer_name PRIMARY KEY (token, key, name),
    FOREIGN KEY (token, key) REFERENCES keyed_requests (token, key) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX answer_names_by_name ON answer_names (name);

INSERT INTO answer_names (token, key, name)
SELECT DISTINCT k.token, k.key, t.value
FROM keyed_requests AS k
CROSS JOIN json_tree(CASE json_valid(CAST(k.body AS TEXT)) WHEN 1 THEN CAST(k.body AS TEXT) ELSE '0' END) AS t
WHERE t.type = 'text' AND length(t.value) = 17 AND substr(t.value, 1, 4) IN ('ctc_', 'cnv_', 'itm_');

-- How often a delivery told of an item besides bringing it.
ALTER TABLE delivery_items ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
