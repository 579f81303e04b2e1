-- Who gets an answer: whoever wrote what it answers, as it was when it was written. The conversation may be
-- with somebody else by the time it goes out.
ALTER TABLE outbox ADD COLUMN recipient INTEGER REFERENCES identities (id);

UPDATE outbox
SET recipient = coalesce(
    (
        SELECT a.identity
        FROM items AS i
        CROSS JOIN item_revisions AS r ON r.id = i.content
        CROSS JOIN items AS a ON a.inbox = i.inbox AND a.external_id = r.content ->> '$.in_reply_to[0]'
        WHERE i.id = outbox.item
    ),
    (SELECT c.identity FROM conversations AS c WHERE c.id = outbox.conversation)
);
