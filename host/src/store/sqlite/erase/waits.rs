//! Whoever stays where somebody goes waits as long as before, and is promised the same.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::case::{Event, Occasion};
use crate::domain::clock::IdGenerator;
use crate::domain::conversation::Conversation;
use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::events::EventRows;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;

/// Counts the wait from what is left that nobody answered; whether it is another one now. Its clock is
/// started by the next decision.
pub(super) async fn count_anew(
    conversation: &mut Conversation,
    connection: &mut SqliteConnection,
) -> StoreResult<bool> {
    let Some(since) = conversation.waiting_since else { return Ok(false) };
    let left: Option<i64> = sqlx::query_scalar(
        "SELECT min(i.received_at)
         FROM items AS i
         CROSS JOIN item_revisions AS r ON r.id = i.content
         WHERE
             i.conversation = ?1 AND i.direction = 'inbound' AND i.erased_at IS NULL
             AND i.received_at >= ?2 AND r.content ->> '$.automatic' IS NULL
             AND i.id > (
                 SELECT ifnull(max(o.id), 0)
                 FROM items AS o
                 WHERE o.conversation = ?1 AND o.direction = 'outbound'
             )",
    )
    .bind(conversation.id.0)
    .bind(since.as_ms())
    .fetch_one(connection)
    .await?;
    let left = left.map(Timestamp::from_ms);
    if left == Some(since) {
        return Ok(false);
    }
    conversation.waiting_since = left;
    conversation.promise_started_for = None;
    conversation.deadline = None;
    conversation.escalation_level = 0;
    Ok(true)
}

/// Has the last item that is left judged once more, unless one waits to be judged in any case.
pub(super) async fn judge_again(
    conversations: &HashSet<ConversationId>,
    at: Timestamp,
    ids: &IdGenerator,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let mut rows = Rows::default();
    for conversation in conversations {
        let _ = rows.row().int(conversation.0);
    }
    let sql = "SELECT k.value ->> 0, max(i.id)
        FROM jsonb_each(?1) AS k
        CROSS JOIN items AS i ON i.conversation = k.value ->> 0
        CROSS JOIN item_revisions AS r ON r.id = i.content
        WHERE
            i.direction = 'inbound' AND i.erased_at IS NULL AND r.content ->> '$.automatic' IS NULL
            AND NOT EXISTS (
                SELECT 1 FROM events AS e WHERE e.conversation = i.conversation AND e.item IS NOT NULL
            )
        GROUP BY i.conversation";
    let mut events = EventRows::default();
    for row in rows.fetch(sql, connection).await? {
        let (conversation, item) = (ConversationId(row.try_get(0)?), ItemId(row.try_get(1)?));
        let event = Event { id: ids.next(at), occasion: Occasion::ItemReceived, at, depth: 0 };
        events.add(&event, conversation, Some(item))?;
    }
    let mut script = Script::default();
    events.write(&mut script);
    script.run(connection).await
}
