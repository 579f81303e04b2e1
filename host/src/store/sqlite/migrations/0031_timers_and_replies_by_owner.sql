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

-- How many timers of policies each department has, so that they are bounded.
CREATE TABLE timer_counts (
    department INTEGER PRIMARY KEY,
    policies   INTEGER NOT NULL
) STRICT;

INSERT INTO timer_counts (department, policies)
SELECT department, count(*) FROM timers WHERE purpose ->> '$.kind' = 'policy' GROUP BY department;

CREATE TRIGGER timer_is_counted AFTER INSERT ON timers WHEN new.purpose ->> '$.kind' = 'policy'
BEGIN
    INSERT INTO timer_counts (department, policies) VALUES (new.department, 1)
    ON CONFLICT (department) DO UPDATE SET policies = policies + 1;
END;

CREATE TRIGGER timer_is_counted_no_more AFTER DELETE ON timers WHEN old.purpose ->> '$.kind' = 'policy'
BEGIN
    UPDATE timer_counts SET policies = policies - 1 WHERE department = old.department;
END;
