//! Conversations that may belong together, for an agent to decide.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::ids::{ConversationId, ItemId};
use crate::domain::threading::SUGGESTIONS_MAX;
use crate::domain::time::Timestamp;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::words::{case, word};
use crate::store::sqlite::{SqliteStore, audit};
use crate::store::{AuditEntry, StoreResult, Suggestion};

// The limit in the statement below; SQLite takes no constant of ours there.
const _: () = assert!(SUGGESTIONS_MAX == 8);

/// Adds suggestions, given as conversation, other, item, time and why. A conversation that has enough of them gets
/// no more: its items could name thousands.
pub(in crate::store::sqlite) fn add(rows: Rows, script: &mut Script) {
    let sql = "INSERT INTO merge_suggestions (conversation, other, item, at, why)
        SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3, r.value ->> 4
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

/// Suggestions of a conversation and of those that ended in it, each with the conversation that the other one
/// is now. Rows stay where they are when conversations merge, so that an undo finds them as they were.
///
/// Bounded: any number of strangers may refer to one conversation, and any number may have ended in it.
pub(super) const FOLLOWED: &str = "WITH RECURSIVE
    own (id) AS (
        SELECT ?1
        UNION
        SELECT m.younger FROM own CROSS JOIN conversation_merges AS m ON m.older = own.id
        LIMIT 64
    ),
    found (other, item, at, rank, why) AS (
        SELECT * FROM (
            SELECT s.other, s.item, s.at, 0, s.why
            FROM own
            CROSS JOIN merge_suggestions AS s ON s.conversation = own.id
            WHERE s.dismissed = 0
            LIMIT 64
        )
        UNION ALL
        SELECT * FROM (
            SELECT s.conversation, s.item, s.at, 1, s.why
            FROM merge_suggestions AS s
            WHERE s.other = ?1 AND s.dismissed = 0
            ORDER BY s.conversation DESC
            LIMIT 64
        )
        UNION ALL
        SELECT * FROM (
            SELECT s.conversation, s.item, s.at, 1, s.why
            FROM own
            CROSS JOIN merge_suggestions AS s ON s.other = own.id
            WHERE own.id <> ?1 AND s.dismissed = 0
            LIMIT 64
        )
    ),
    now (other, id) AS (
        SELECT other, other FROM found
        UNION
        SELECT now.other, c.merged_into
        FROM now
        CROSS JOIN conversations AS c ON c.id = now.id
        WHERE c.merged_into IS NOT NULL
    )
    SELECT c.id, found.item, found.at, found.rank, found.why
    FROM found
    JOIN now ON now.other = found.other
    CROSS JOIN conversations AS c ON c.id = now.id
    WHERE
        c.merged_into IS NULL AND c.erased_at IS NULL AND c.id <> ?1
        AND NOT EXISTS (
            SELECT 1
            FROM merge_suggestions AS d
            WHERE
                d.dismissed = 1
                AND (
                    (d.conversation = ?1 AND d.other = c.id)
                    OR (d.conversation = c.id AND d.other = ?1)
                )
        )
    ORDER BY found.rank, found.at DESC, c.id DESC";

/// What may belong to a conversation: what its items refer to, then whose items refer to it, latest first.
pub(super) async fn of(
    conversation: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<Suggestion>> {
    let rows = sqlx::query(FOLLOWED).bind(conversation.0).fetch_all(connection).await?;
    let mut met = HashSet::new();
    let mut found = Vec::new();
    for row in &rows {
        let suggestion = Suggestion {
            conversation: ConversationId(row.try_get(0)?),
            item: ItemId(row.try_get(1)?),
            at: Timestamp::from_ms(row.try_get(2)?),
            is_from_here: row.try_get::<i64, _>(3)? == 0,
            why: case(row.try_get(4)?)?,
        };
        if met.insert(suggestion.conversation) {
            found.push(suggestion);
        }
    }
    found.truncate(SUGGESTIONS_MAX);
    Ok(found)
}

/// Of two conversations. Compared as pairs, SQLite looks through all suggestions there are.
pub(super) const DISMISS: &str = "UPDATE merge_suggestions SET dismissed = 1
    WHERE dismissed = 0 AND ((conversation = ?1 AND other = ?2) OR (conversation = ?2 AND other = ?1))";

/// Takes a suggestion off both conversations; whether there was one.
pub(super) async fn dismiss(
    store: &SqliteStore,
    conversation: ConversationId,
    other: ConversationId,
    entry: &AuditEntry,
) -> StoreResult<bool> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query(DISMISS).bind(conversation.0).bind(other.0).execute(&mut *tx).await?;
    if done.rows_affected() == 0 && !dismiss_followed(conversation, other, &mut tx).await? {
        return Ok(false);
    }
    audit::record(entry, &mut tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes a suggestion off that came with conversations that ended in these two: the two have their own word then.
async fn dismiss_followed(
    conversation: ConversationId,
    other: ConversationId,
    connection: &mut SqliteConnection,
) -> StoreResult<bool> {
    let suggested = of(conversation, connection).await?.into_iter().find(|it| it.conversation == other);
    let Some(suggestion) = suggested else { return Ok(false) };
    sqlx::query(
        "INSERT INTO merge_suggestions (conversation, other, item, at, dismissed, why)
         VALUES (?, ?, ?, ?, 1, ?)",
    )
    .bind(conversation.0)
    .bind(other.0)
    .bind(suggestion.item.0)
    .bind(suggestion.at.as_ms())
    .bind(word(&suggestion.why)?)
    .execute(connection)
    .await?;
    Ok(true)
}
