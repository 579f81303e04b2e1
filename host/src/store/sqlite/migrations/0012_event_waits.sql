-- Events that wait to be judged again because a policy failed. Rare, so no statement on an item's
-- path reads this: a waiting event is not its conversation's next one, and neither is what follows.
CREATE TABLE event_waits (
    event          INTEGER PRIMARY KEY,
    judged_in_vain INTEGER NOT NULL,
    -- Absent once the wait is over.
    due_at         INTEGER
) STRICT;

CREATE INDEX event_waits_due ON event_waits (due_at) WHERE due_at IS NOT NULL;
