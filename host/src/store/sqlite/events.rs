//! What waits to be judged.

use std::collections::HashSet;

use super::rows::Rows;
use super::script::Script;
use crate::domain::case::Event;
use crate::domain::ids::{ConversationId, ItemId};
use crate::store::StoreResult;

/// Events to be added, in the order they happened.
#[derive(Default)]
pub(super) struct EventRows {
    rows: Rows,
    conversations: HashSet<ConversationId>,
}

impl EventRows {
    pub(super) fn add(
        &mut self,
        event: &Event,
        conversation: ConversationId,
        item: Option<ItemId>,
    ) -> StoreResult<()> {
        let may_be_next = self.conversations.insert(conversation);
        let _ = self
            .rows
            .row()
            .int(event.id.0)
            .int(conversation.0)
            .opt_int(item.map(|it| it.0))
            .text(&serde_json::to_string(&event.occasion)?)
            .int(event.at.as_ms())
            .int(i64::from(event.depth))
            .int(i64::from(may_be_next));
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Writes them, each as the work of the department whose inbox has the conversation. The first of a
    /// conversation is its next one unless others wait already.
    pub(super) fn write(self, script: &mut Script) {
        let sql = "INSERT INTO events (id, conversation, item, occasion, at, depth, is_next, department)
            SELECT
                r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4, r.value ->> 5,
                r.value ->> 6
                    AND NOT EXISTS (SELECT 1 FROM events AS e WHERE e.conversation = r.value ->> 1),
                i.department
            FROM jsonb_each(?1) AS r
            CROSS JOIN conversations AS c ON c.id = r.value ->> 1
            CROSS JOIN inboxes AS i ON i.id = c.inbox";
        script.each("events added", sql, self.rows);
    }
}

/// Deletes judged events, given as event and conversation; what waits behind them is next.
pub(super) fn finish(rows: Rows, script: &mut Script) {
    let sql = "DELETE FROM events WHERE id IN (SELECT value ->> 0 FROM jsonb_each(?1))";
    script.each("events done", sql, rows.clone());
    let sql = "UPDATE events SET is_next = 1
        WHERE id IN (
            SELECT (SELECT min(e.id) FROM events AS e WHERE e.conversation = k.value ->> 1)
            FROM jsonb_each(?1) AS k
        )";
    // Most conversations have nothing more waiting.
    script.any("events that are next", sql, rows);
}
