//! Conversations that may belong together, for an agent to decide.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::threading::SUGGESTIONS_MAX;
use crate::domain::time::Timestamp;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::{SqliteStore, audit};
use crate::store::{AuditEntry, StoreResult, Suggestion};

// The limit in the statement below; SQLite takes no constant of ours there.
const _: () = assert!(SUGGESTIONS_MAX == 8);

/// Adds suggestions, given as conversation, other, item and time. A conversation that has enough of them gets
/// no more: its items could name thousands.
pub(in crate::store::sqlite) fn add(rows: Rows, script: &mut Script) {
    let sql = "INSERT INTO merge_suggestions (conversation, other, item, at)
        SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3
        FROM jsonb_each(?1) AS r
        WHERE
            r.value ->> 0 <> r.value ->> 1
            AND NOT EXISTS (
                SELECT 1
                FROM merge_suggestions AS m
                WHERE m.conversation = r.value ->> 1 AND m.other = r.value ->> 0
            )
            AND (
                SELECT count(*)
                FROM merge_suggestions AS m
                WHERE m.conversation = r.value ->> 0 AND m.dismissed = 0
            ) < 8
        ON CONFLICT (conversation, other) DO NOTHING";
    script.any("suggestions added", sql, rows);
}

/// Which of these conversations are two by an agent's word.
pub(in crate::store::sqlite) async fn apart(
    conversations: &HashSet<ConversationId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<[ConversationId; 2]>> {
    let mut rows = Rows::default();
    for conversation in conversations {
        let _ = rows.row().int(conversation.0);
    }
    let sql = "SELECT m.conversation, m.other
        FROM jsonb_each(?1) AS k
        CROSS JOIN jsonb_each(?1) AS o
        CROSS JOIN merge_suggestions AS m ON m.conversation = k.value ->> 0 AND m.other = o.value ->> 0
        WHERE m.dismissed = 1";
    let found = rows.fetch(sql, connection).await?;
    found.iter().map(|row| Ok([ConversationId(row.try_get(0)?), ConversationId(row.try_get(1)?)])).collect()
}

/// What may belong to a conversation: what its items refer to, then whose items refer to it, latest first.
pub(super) async fn of(store: &SqliteStore, conversation: ConversationId) -> StoreResult<Vec<Suggestion>> {
    let rows = sqlx::query(
        "SELECT s.other, s.item, s.at, s.rank
         FROM (
             SELECT * FROM (
                 SELECT other, item, at, 0 AS rank
                 FROM merge_suggestions
                 WHERE conversation = ?1 AND dismissed = 0
                 LIMIT ?2
             )
             UNION ALL
             SELECT * FROM (
                 SELECT conversation, item, at, 1
                 FROM merge_suggestions
                 WHERE other = ?1 AND dismissed = 0
                 ORDER BY conversation DESC
                 LIMIT ?2
             )
         ) AS s
         CROSS JOIN conversations AS c ON c.id = s.other
         WHERE c.merged_into IS NULL AND c.erased_at IS NULL
         ORDER BY s.rank, s.at DESC, s.other DESC
         LIMIT ?2",
    )
    .bind(conversation.0)
    .bind(SUGGESTIONS_MAX as i64)
    .fetch_all(&mut *store.reader().await?)
    .await?;
    let read = |row: &sqlx::sqlite::SqliteRow| -> StoreResult<Suggestion> {
        Ok(Suggestion {
            conversation: ConversationId(row.try_get(0)?),
            item: ItemId(row.try_get(1)?),
            at: Timestamp::from_ms(row.try_get(2)?),
            is_from_here: row.try_get::<i64, _>(3)? == 0,
        })
    };
    rows.iter().map(read).collect()
}

/// Takes a suggestion off both conversations; whether there was one.
pub(super) async fn dismiss(
    store: &SqliteStore,
    conversation: ConversationId,
    other: ConversationId,
    entry: &AuditEntry,
) -> StoreResult<bool> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query(
        "UPDATE merge_suggestions SET dismissed = 1
         WHERE dismissed = 0 AND (conversation, other) IN (VALUES (?1, ?2), (?2, ?1))",
    )
    .bind(conversation.0)
    .bind(other.0)
    .execute(&mut *tx)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    audit::record(entry, &mut tx).await?;
    tx.commit().await?;
    Ok(true)
}
