-- Whose work an event is: the department's whose inbox has the conversation. Departments are claimed for by
-- turns, so that one that waits with many events keeps no other waiting.
ALTER TABLE events ADD COLUMN department INTEGER NOT NULL DEFAULT 0;

UPDATE events
SET department = (
    SELECT i.department
    FROM conversations AS c
    CROSS JOIN inboxes AS i ON i.id = c.inbox
    WHERE c.id = events.conversation
);

DROP INDEX events_claimable;

CREATE INDEX events_claimable ON events (department, id) WHERE is_next = 1;
