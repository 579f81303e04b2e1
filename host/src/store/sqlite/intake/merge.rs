//! Two conversations become one: what belongs to the younger moves to the older.
//!
//! Rare, so each merge has its own statements.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::threads::Merge;
use crate::domain::conversation::Conversation;
use crate::domain::ids::ConversationId;
use crate::store::StoreResult;

/// What taking a merge back needs: both as they were, and what was moved.
#[derive(Serialize)]
struct Undo<'a> {
    older: &'a Conversation,
    younger: &'a Conversation,
    items: Vec<i64>,
    notes: Vec<i64>,
    outbox: Vec<i64>,
    references: Vec<String>,
}

/// What moves with its conversation.
const MOVES: [&str; 5] = [
    "UPDATE items SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE notes SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE outbox SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE thread_references SET conversation = ?1 WHERE conversation = ?2",
    "UPDATE events SET conversation = ?1, is_next = 0 WHERE conversation = ?2",
];

pub(super) async fn carry_out(merge: &Merge, connection: &mut SqliteConnection) -> StoreResult<()> {
    let (older, younger) = (merge.older.id, merge.younger.id);
    record(merge, connection).await?;
    for sql in MOVES {
        run(sql, older, younger, connection).await?;
    }
    move_timers(older, younger, connection).await?;
    move_tags(older, younger, connection).await?;
    choose_next_event(older, connection).await
}

async fn run(
    sql: &'static str,
    older: ConversationId,
    younger: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query(sql).bind(older.0).bind(younger.0).execute(connection).await?;
    Ok(())
}

async fn record(merge: &Merge, connection: &mut SqliteConnection) -> StoreResult<()> {
    let younger = merge.younger.id.0;
    let mut ids = Vec::new();
    for sql in [
        "SELECT id FROM items WHERE conversation = ?",
        "SELECT id FROM notes WHERE conversation = ?",
        "SELECT id FROM outbox WHERE conversation = ?",
    ] {
        ids.push(sqlx::query_scalar(sql).bind(younger).fetch_all(&mut *connection).await?);
    }
    let mut ids = ids.into_iter();
    let references = sqlx::query_scalar("SELECT reference FROM thread_references WHERE conversation = ?")
        .bind(younger)
        .fetch_all(&mut *connection)
        .await?;
    let undo = Undo {
        older: &merge.older,
        younger: &merge.younger,
        items: ids.next().unwrap_or_default(),
        notes: ids.next().unwrap_or_default(),
        outbox: ids.next().unwrap_or_default(),
        references,
    };
    sqlx::query("INSERT INTO conversation_merges (younger, older, at, undo) VALUES (?, ?, ?, ?)")
        .bind(younger)
        .bind(merge.older.id.0)
        .bind(merge.younger.updated_at.as_ms())
        .bind(serde_json::to_string(&undo)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// Each purpose has one timer: the sooner stays.
async fn move_timers(
    older: ConversationId,
    younger: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let sql = "INSERT INTO timers (conversation, purpose, due_at, until_answered, depth)
        SELECT ?1, purpose, due_at, until_answered, depth FROM timers WHERE conversation = ?2
        ON CONFLICT (conversation, purpose) DO UPDATE SET due_at = min(due_at, excluded.due_at)";
    run(sql, older, younger, connection).await?;
    sqlx::query("DELETE FROM timers WHERE conversation = ?").bind(younger.0).execute(connection).await?;
    Ok(())
}

async fn move_tags(
    older: ConversationId,
    younger: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let sql = "INSERT INTO conversation_tags (tag, conversation)
        SELECT j.value, ?1
        FROM conversations AS c, jsonb_each(c.facts, '$.tags') AS j
        WHERE c.id = ?2
        ON CONFLICT DO NOTHING";
    run(sql, older, younger, connection).await
}

async fn choose_next_event(
    conversation: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE events
         SET is_next = (id = (SELECT min(id) FROM events WHERE conversation = ?1))
         WHERE conversation = ?1",
    )
    .bind(conversation.0)
    .execute(connection)
    .await?;
    Ok(())
}
