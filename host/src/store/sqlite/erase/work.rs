//! What was still to be done, and what was remarked about it.

use sqlx::SqliteConnection;

use crate::store::StoreResult;

/// What an answer failed of that was not sent before its recipient was erased.
pub(in crate::store::sqlite) const ERASED: &str = "erased before it was sent";

/// Empties remarks; how many.
pub(super) async fn erase_notes(connection: &mut SqliteConnection) -> StoreResult<u64> {
    let sql = "UPDATE notes SET text = '' WHERE text <> '' AND id IN (SELECT id FROM gone_notes)";
    Ok(sqlx::query(sql).execute(connection).await?.rows_affected())
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

/// Nothing is judged any more that goes, and no timer wakes what went.
pub(super) async fn erase_events(connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in [
        "DELETE FROM events
         WHERE conversation IN (SELECT id FROM met_conversations) AND item IN (SELECT id FROM gone_items)",
        "DELETE FROM events WHERE conversation IN (SELECT id FROM gone_conversations)",
        // Timers are named by policies.
        "DELETE FROM events
         WHERE item IS NULL AND conversation IN (SELECT id FROM freed_conversations)",
        "DELETE FROM timers
         WHERE conversation IN (
             SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations
         )",
        "DELETE FROM event_waits WHERE event NOT IN (SELECT id FROM events)",
        // What waits behind them is next, unless it waits to be judged again.
        "UPDATE events
         SET is_next = 1
         WHERE
             conversation IN (SELECT id FROM met_conversations)
             AND id = (SELECT min(o.id) FROM events AS o WHERE o.conversation = events.conversation)
             AND id NOT IN (SELECT event FROM event_waits WHERE due_at IS NOT NULL)",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}
