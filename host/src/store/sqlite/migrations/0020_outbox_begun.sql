-- When the attempt began that is under way; absent where none is. An answer that is not being sent and
-- has this was being sent when the host died: nobody knows whether it went out.
ALTER TABLE outbox ADD COLUMN begun_at INTEGER;

CREATE INDEX outbox_begun ON outbox (id) WHERE begun_at IS NOT NULL;
