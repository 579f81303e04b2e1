-- Whose timer it is, as with events: due timers are taken from each department that has some.
ALTER TABLE timers ADD COLUMN department INTEGER NOT NULL DEFAULT 0;

UPDATE timers
SET department = (
    SELECT i.department
    FROM conversations AS c
    CROSS JOIN inboxes AS i ON i.id = c.inbox
    WHERE c.id = timers.conversation
);

CREATE INDEX timers_by_department ON timers (department, due_at);

-- Replies are sent inbox by inbox.
CREATE INDEX outbox_due_by_inbox ON outbox (inbox, next_attempt_at) WHERE state = 'queued' AND begun_at IS NULL;
