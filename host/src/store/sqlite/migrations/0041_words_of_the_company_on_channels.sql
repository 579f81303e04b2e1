-- Of the company's own words, those that were not sent from here lead others to their conversation only where
-- `thread_references` says so. Those that are here already did.
INSERT OR IGNORE INTO thread_references (inbox, reference, contact, conversation)
SELECT i.inbox, i.external_id, 0, i.conversation
FROM items AS i
WHERE i.direction = 'outbound' AND NOT EXISTS (SELECT 1 FROM outbox AS o WHERE o.item = i.id);
