//! Two conversations become one: what belongs to the younger moves to the older, and what moved is recorded,
//! so that it can go back.
//!
//! Decisions, participants and the younger's own row stay where they are.
//!
//! **Invariant:** each statement moves the rows of all merges of a transaction, and what moves is bounded:
//! by `threading::Bounds` where items merge, by [`MOVED_MAX`] where an agent does, by `undo::BACK_MAX` where a merge
//! is taken back. Every table whose rows move counts: see [`weights`].

mod by_hand;
mod suggestions;
mod undo;

use async_trait::async_trait;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

pub(super) use self::suggestions::{add as suggest, apart};
use super::SqliteStore;
use super::rows::Rows;
use super::script::Script;
use crate::domain::conversation::Conversation;
use crate::domain::ids::ConversationId;
use crate::domain::merging::BeforeMerge;
use crate::domain::time::Timestamp;
use crate::store::{
    AuditEntry, MergeByHand, MergeRefusal, MergeStore, MergeUndo, MergeUndone, StoreResult, Suggestion,
};

/// How many rows an agent's merge moves at most. It takes the writer some tens of milliseconds.
pub(super) const MOVED_MAX: u32 = 2_000;

/// A merge that was decided.
pub(super) struct Merge {
    pub(super) before: BeforeMerge,
    pub(super) at: Timestamp,
}

/// What an undo needs, as it is kept. Words of the conversations are gone once a person of theirs is erased.
#[derive(Deserialize)]
struct Kept {
    #[serde(flatten)]
    before: Option<BeforeMerge>,
    items: Vec<i64>,
    notes: Vec<i64>,
    outbox: Vec<i64>,
    /// Timers that the younger had: purpose, when it is due, whether an answer ends it, depth.
    #[serde(default)]
    timers: Vec<KeptTimer>,
    /// Timers of the older of the same purposes.
    #[serde(default)]
    older_timers: Vec<KeptTimer>,
}

#[derive(Clone, PartialEq, Eq, Deserialize)]
struct KeptTimer(String, i64, i64, i64);

#[async_trait]
impl MergeStore for SqliteStore {
    async fn merge(&self, merge: &MergeByHand) -> StoreResult<Result<Conversation, MergeRefusal>> {
        by_hand::carry_out(self, merge).await
    }

    async fn undo_merge(&self, undo: &MergeUndo) -> StoreResult<Result<MergeUndone, MergeRefusal>> {
        undo::carry_out(self, undo).await
    }

    async fn merged_into(&self, conversation: ConversationId) -> StoreResult<Vec<ConversationId>> {
        let sql = "SELECT younger FROM conversation_merges WHERE older = ? ORDER BY at, younger LIMIT 64";
        let found: Vec<i64> =
            sqlx::query_scalar(sql).bind(conversation.0).fetch_all(&mut *self.reader().await?).await?;
        Ok(found.into_iter().map(ConversationId).collect())
    }

    async fn suggestions(&self, conversation: ConversationId) -> StoreResult<Vec<Suggestion>> {
        suggestions::of(conversation, &mut *self.reader().await?).await
    }

    async fn dismiss_suggestion(
        &self,
        conversation: ConversationId,
        other: ConversationId,
        audit: &AuditEntry,
    ) -> StoreResult<bool> {
        suggestions::dismiss(self, conversation, other, audit).await
    }
}

/// Records what moves: both as they were, and which rows.
const RECORD: &str = "INSERT INTO conversation_merges (younger, older, at, undo)
    SELECT
        r.value ->> 1,
        r.value ->> 0,
        r.value ->> 2,
        json_insert(
            CAST(substr(?2, r.value ->> 3, r.value ->> 4) AS TEXT),
            '$.items',
            json((SELECT json_group_array(id) FROM items WHERE conversation = r.value ->> 1)),
            '$.notes',
            json((SELECT json_group_array(id) FROM notes WHERE conversation = r.value ->> 1)),
            '$.outbox',
            json((SELECT json_group_array(id) FROM outbox WHERE conversation = r.value ->> 1)),
            '$.timers',
            json((
                SELECT json_group_array(json_array(purpose, due_at, until_answered, depth))
                FROM timers
                WHERE conversation = r.value ->> 1
            )),
            '$.older_timers',
            json((
                SELECT json_group_array(json_array(o.purpose, o.due_at, o.until_answered, o.depth))
                FROM timers AS o
                WHERE
                    o.conversation = r.value ->> 0
                    AND o.purpose IN (SELECT y.purpose FROM timers AS y WHERE y.conversation = r.value ->> 1)
            ))
        )
    FROM jsonb_each(?1) AS r";

/// What moves with its conversation, in this order.
const MOVES: [(&str, &str); 11] = [
    (
        "items moved",
        "UPDATE items SET conversation = r.value ->> 0
         FROM jsonb_each(?1) AS r
         WHERE items.conversation = r.value ->> 1",
    ),
    (
        "notes moved",
        "UPDATE notes SET conversation = r.value ->> 0
         FROM jsonb_each(?1) AS r
         WHERE notes.conversation = r.value ->> 1",
    ),
    (
        "answers moved",
        "UPDATE outbox SET conversation = r.value ->> 0
         FROM jsonb_each(?1) AS r
         WHERE outbox.conversation = r.value ->> 1",
    ),
    (
        "references moved",
        "UPDATE thread_references SET conversation = r.value ->> 0
         FROM jsonb_each(?1) AS r
         WHERE thread_references.conversation = r.value ->> 1",
    ),
    ("events that wait", CHOOSE_NONE),
    (
        "events moved",
        "UPDATE events SET conversation = r.value ->> 0, is_next = 0
         FROM jsonb_each(?1) AS r
         WHERE events.conversation = r.value ->> 1",
    ),
    // Each purpose has one timer: the sooner stays.
    (
        "timers moved",
        "INSERT INTO timers (conversation, purpose, due_at, until_answered, depth)
         SELECT r.value ->> 0, t.purpose, t.due_at, t.until_answered, t.depth
         FROM jsonb_each(?1) AS r
         CROSS JOIN timers AS t ON t.conversation = r.value ->> 1
         WHERE true
         ON CONFLICT (conversation, purpose) DO UPDATE SET due_at = min(due_at, excluded.due_at)",
    ),
    ("timers left", "DELETE FROM timers WHERE conversation IN (SELECT value ->> 1 FROM jsonb_each(?1))"),
    (
        "labels moved",
        "INSERT INTO conversation_tags (tag, conversation)
         SELECT j.value, r.value ->> 0
         FROM jsonb_each(?1) AS r
         CROSS JOIN conversations AS c ON c.id = r.value ->> 1
         CROSS JOIN jsonb_each(c.facts, '$.tags') AS j
         WHERE true
         ON CONFLICT DO NOTHING",
    ),
    ("events that are next", CHOOSE_NEXT),
    (
        "suggestions followed",
        "UPDATE merge_suggestions SET dismissed = 1
         FROM jsonb_each(?1) AS r
         WHERE
             merge_suggestions.conversation IN (r.value ->> 0, r.value ->> 1)
             AND merge_suggestions.other IN (r.value ->> 0, r.value ->> 1)",
    ),
];

/// None of the events of conversations, given as the first of each row, is the next. It can only be the oldest:
/// the others are not read, however many wait.
const CHOOSE_NONE: &str = "UPDATE events SET is_next = 0
    WHERE id IN (
        SELECT (SELECT min(e.id) FROM events AS e WHERE e.conversation = r.value ->> 0)
        FROM jsonb_each(?1) AS r
    )";

/// Of the events of conversations, given as the first of each row, the oldest is the next.
const CHOOSE_NEXT: &str = "UPDATE events SET is_next = 1
    WHERE id IN (
        SELECT (SELECT min(e.id) FROM events AS e WHERE e.conversation = r.value ->> 0)
        FROM jsonb_each(?1) AS r
    )";

/// Moves what belongs to merged conversations, whose rows are written already.
pub(super) async fn carry_out(merges: &[Merge], connection: &mut SqliteConnection) -> StoreResult<()> {
    let (mut records, mut pairs) = (Rows::default(), Rows::default());
    for Merge { before, at } in merges {
        let (older, younger) = (before.older.id.0, before.younger.id.0);
        let _ = records.row().int(older).int(younger).int(at.as_ms()).json(before)?;
        let _ = pairs.row().int(older).int(younger);
    }
    let mut script = Script::default();
    script.each("merges recorded", RECORD, records);
    for (what, sql) in MOVES {
        script.any(what, sql, pairs.clone());
    }
    script.run(connection).await
}

/// What a merge moves of a conversation: the tables that [`MOVES`] writes to, but for its one suggestion.
const MOVED: [&str; 6] = ["items", "notes", "outbox", "thread_references", "events", "timers"];

/// How many rows would move with each of these conversations. Beyond what an agent may move they are not counted.
pub(super) async fn weights(
    conversations: &[ConversationId],
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<(ConversationId, u32)>> {
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let beyond = MOVED_MAX + 1;
    let count = |table| {
        format!("(SELECT count(*) FROM (SELECT 1 FROM {table} WHERE conversation = c.id LIMIT {beyond}))")
    };
    let counts = MOVED.map(count).join(" + ");
    let sql = format!(
        "SELECT c.id, {counts} + ifnull(json_array_length(c.facts, '$.tags'), 0)
         FROM jsonb_each(?1) AS k
         CROSS JOIN conversations AS c ON c.id = k.value"
    );
    let ids: Vec<i64> = conversations.iter().map(|it| it.0).collect();
    // Put together from this room's own texts alone.
    let found =
        sqlx::query(AssertSqlSafe(sql)).bind(serde_json::to_string(&ids)?).fetch_all(connection).await?;
    found.iter().map(|row| Ok((ConversationId(row.try_get(0)?), row.try_get(1)?))).collect()
}

#[cfg(test)]
mod tests;
