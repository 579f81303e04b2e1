//! What was still to be done, and what was remarked about it.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use super::origins::Walk;
use crate::domain::case::Occasion;
use crate::domain::ids::ConversationId;
use crate::domain::timer::TimerPurpose;
use crate::store::StoreResult;
use crate::store::sqlite::rows::Rows;

/// What an answer failed of that was not sent before its recipient was erased.
pub(in crate::store::sqlite) const ERASED: &str = "erased before it was sent";

/// Remarks that come from what goes, in conversations with others.
const NOTES_FROM: [&str; 2] = [
    "INSERT OR IGNORE INTO gone_notes (id)
     SELECT n.id
     FROM met_conversations AS m
     CROSS JOIN notes AS n ON n.conversation = m.id
     WHERE
         n.item IN (SELECT id FROM gone_items)
         OR n.decision IN (SELECT id FROM gone_decisions)",
    // Where a remark of a policy or the host does not say what it comes from, it may be about who goes,
    // unless it gives the reason for which an answer to somebody who stays was not sent.
    "INSERT OR IGNORE INTO gone_notes (id)
     SELECT n.id
     FROM met_conversations AS m
     CROSS JOIN notes AS n ON n.conversation = m.id
     WHERE
         n.item IS NULL AND n.decision IS NULL
         AND n.by <> 'admin' AND n.by NOT IN (SELECT name FROM agents)
         AND NOT (
             n.by = 'switchboard'
             AND EXISTS (
                 SELECT 1
                 FROM outbox AS o
                 WHERE
                     o.conversation = n.conversation AND o.last_error <> ''
                     AND o.item NOT IN (SELECT id FROM gone_items)
                     AND substr(n.text, -length(o.last_error)) = o.last_error
             )
         )",
];

/// Empties remarks; how many. Decisions are gone through by now.
pub(super) async fn erase_notes(connection: &mut SqliteConnection) -> StoreResult<u64> {
    for sql in NOTES_FROM {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    let sql = "UPDATE notes SET text = '' WHERE text <> '' AND id IN (SELECT id FROM gone_notes)";
    Ok(sqlx::query(sql).execute(connection).await?.rows_affected())
}

/// Empties the remarks on a conversation after one id up to another; how many.
pub(super) async fn erase_notes_between(
    conversation: i64,
    after: i64,
    to: i64,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let sql = "UPDATE notes SET text = ''
        WHERE conversation = ? AND id > ? AND id <= ? AND text <> ''";
    let done = sqlx::query(sql).bind(conversation).bind(after).bind(to).execute(connection).await?;
    Ok(done.rows_affected())
}

/// Cancels answers that were not sent, and forgets why others were not; how many were cancelled.
pub(super) async fn cancel_replies(connection: &mut SqliteConnection) -> StoreResult<u64> {
    sqlx::query("UPDATE outbox SET last_error = NULL WHERE item IN (SELECT id FROM gone_items)")
        .execute(&mut *connection)
        .await?;
    let sql = "UPDATE outbox SET state = 'failed', last_error = ?
        WHERE state IN ('queued', 'parked') AND item IN (SELECT id FROM gone_items)";
    Ok(sqlx::query(sql).bind(ERASED).execute(connection).await?.rows_affected())
}

/// Nothing is judged any more that goes, and no timer wakes what went. Where others stay, promises to
/// them stay too; in which of those conversations a policy's timer was forgotten that came about by who
/// goes.
pub(super) async fn erase_events(
    walk: &Walk,
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<ConversationId>> {
    let stopped = stop_derived_timers(walk, connection).await?;
    for sql in [
        OF_ITEMS,
        "DELETE FROM events WHERE conversation IN (SELECT id FROM gone_conversations)",
        // Timers are named by policies.
        "DELETE FROM events
         WHERE
             item IS NULL AND occasion ->> '$.kind' = 'timer-due'
             AND conversation IN (SELECT id FROM freed_conversations)",
        "DELETE FROM timers WHERE conversation IN (SELECT id FROM gone_conversations)",
        "DELETE FROM timers
         WHERE
             purpose ->> '$.kind' = 'policy'
             AND conversation IN (SELECT id FROM freed_conversations)",
        NOT_WAITING,
        NEXT,
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(stopped)
}

/// The same while a conversation with who goes is shortened, and no policy wakes it any more: it is not
/// known later which of its timers came about by whom.
pub(super) async fn erase_events_of_portion(connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in [
        OF_ITEMS,
        "DELETE FROM events
         WHERE
             item IS NULL AND occasion ->> '$.kind' = 'timer-due'
             AND conversation IN (SELECT id FROM met_conversations)",
        "DELETE FROM timers
         WHERE
             purpose ->> '$.kind' = 'policy'
             AND conversation IN (SELECT id FROM met_conversations)",
        NOT_WAITING,
        NEXT,
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}

const OF_ITEMS: &str = "DELETE FROM events
    WHERE conversation IN (SELECT id FROM met_conversations) AND item IN (SELECT id FROM gone_items)";

const NOT_WAITING: &str = "DELETE FROM event_waits WHERE event NOT IN (SELECT id FROM events)";

/// What waits behind them is next, unless it waits to be judged again.
const NEXT: &str = "UPDATE events
    SET is_next = 1
    WHERE
        conversation IN (SELECT id FROM met_conversations)
        AND id = (SELECT min(o.id) FROM events AS o WHERE o.conversation = events.conversation)
        AND id NOT IN (SELECT event FROM event_waits WHERE due_at IS NOT NULL)";

/// Forgets timers that came about by who goes, in conversations with others, running or due.
async fn stop_derived_timers(
    walk: &Walk,
    connection: &mut SqliteConnection,
) -> StoreResult<HashSet<ConversationId>> {
    let (mut running, mut due) = (Rows::default(), Rows::default());
    for (conversation, origins) in walk.with_others() {
        for (activation, key) in origins.timers() {
            let purpose = TimerPurpose::Policy { activation, key: key.to_owned() };
            let _ = running.row().int(conversation.0).text(&serde_json::to_string(&purpose)?);
            let occasion = Occasion::TimerDue { activation: Some(activation), key: key.to_owned() };
            let _ = due.row().int(conversation.0).text(&serde_json::to_string(&occasion)?);
        }
    }
    let mut stopped = HashSet::new();
    let sql = "DELETE FROM timers
        WHERE (conversation, purpose) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))
        RETURNING conversation";
    for row in running.fetch(sql, &mut *connection).await? {
        stopped.insert(ConversationId(row.try_get(0)?));
    }
    let sql = "DELETE FROM events
        WHERE (conversation, occasion) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))
        RETURNING conversation";
    for row in due.fetch(sql, connection).await? {
        stopped.insert(ConversationId(row.try_get(0)?));
    }
    Ok(stopped)
}
