//! Conversations: those that go are closed and say nothing; those that go on forget whom they were with,
//! or what came about by who wrote there too.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use super::origins::Walk;
use super::waits;
use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::ConversationId;
use crate::domain::item::copied::{COPY_BYTES_MAX, beginning_of, copy};
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::conversation_row;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::tags;

/// How many conversations are written in one go: each may have labels, in statements of their own.
const WRITTEN_AT_ONCE: usize = 256;

/// What became of the conversations.
pub(super) struct Conversations {
    /// How many were erased as a whole.
    pub(super) erased: u64,
    /// Those in which somebody waits who stays, and another wait counts or a clock stopped.
    pub(super) to_be_judged: HashSet<ConversationId>,
}

/// Overwrites the conversations of the scope. In those of `stopped`, policies' timers were forgotten.
pub(super) async fn erase(
    at: Timestamp,
    walk: &Walk,
    stopped: &HashSet<ConversationId>,
    connection: &mut SqliteConnection,
) -> StoreResult<Conversations> {
    // Whatever was judged on what they were is judged again.
    sqlx::query(
        "UPDATE conversations SET revision = revision + 1 WHERE id IN (SELECT id FROM met_conversations)",
    )
    .execute(&mut *connection)
    .await?;
    let mut changed = Changed::default();
    for mut conversation in load("SELECT id FROM gone_conversations", connection).await? {
        let before = conversation.clone();
        forget(&mut conversation, at);
        close(&mut conversation);
        changed.add(&before, &conversation, connection).await?;
    }
    let mut to_be_judged = HashSet::new();
    for mut conversation in load("SELECT id FROM freed_conversations", connection).await? {
        let before = conversation.clone();
        forget(&mut conversation, at);
        hand_on(&mut conversation, connection).await?;
        let _ = waits::count_anew(&mut conversation, connection).await?;
        changed.add(&before, &conversation, connection).await?;
        if conversation.waiting_since.is_some() {
            to_be_judged.insert(conversation.id);
        }
    }
    for mut conversation in load(OF_OTHERS, connection).await? {
        let before = conversation.clone();
        forget_derived(&mut conversation, walk, connection).await?;
        let moved = waits::count_anew(&mut conversation, connection).await?;
        changed.add(&before, &conversation, connection).await?;
        let is_stopped = moved || stopped.contains(&conversation.id);
        if is_stopped && conversation.waiting_since.is_some() {
            to_be_judged.insert(conversation.id);
        }
    }
    changed.write(connection).await?;
    forget_names(connection).await?;
    let done =
        sqlx::query("UPDATE conversations SET erased_at = ? WHERE id IN (SELECT id FROM gone_conversations)")
            .bind(at.as_ms())
            .execute(connection)
            .await?;
    Ok(Conversations { erased: done.rows_affected(), to_be_judged })
}

/// Those that are with somebody else.
const OF_OTHERS: &str = "SELECT id
    FROM met_conversations
    WHERE
        id NOT IN (SELECT id FROM gone_conversations)
        AND id NOT IN (SELECT id FROM freed_conversations)";

async fn load(sql: &'static str, connection: &mut SqliteConnection) -> StoreResult<Vec<Conversation>> {
    let ids: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut *connection).await?;
    conversation_row::load(ids.into_iter().map(ConversationId), connection).await
}

fn forget(conversation: &mut Conversation, at: Timestamp) {
    conversation.forget_words();
    conversation.updated_at = at;
}

/// Nobody waits for an answer any more, and there is nobody to answer.
fn close(conversation: &mut Conversation) {
    conversation.status = Status::Closed;
    conversation.deadline = None;
    conversation.waiting_since = None;
}

/// It is with the first of the others from now on.
async fn hand_on(conversation: &mut Conversation, connection: &mut SqliteConnection) -> StoreResult<()> {
    let row = sqlx::query(
        "SELECT d.id, d.contact
         FROM items AS i
         CROSS JOIN identities AS d ON d.id = i.identity
         WHERE i.conversation = ? AND i.direction = 'inbound' AND i.erased_at IS NULL
         ORDER BY i.id
         LIMIT 1",
    )
    .bind(conversation.id.0)
    .fetch_one(connection)
    .await?;
    conversation.identity = row.try_get::<i64, _>(0)?.into();
    conversation.contact = row.try_get::<i64, _>(1)?.into();
    Ok(())
}

/// Takes off what came about by who goes: marks, and a subject that nothing which stays has.
async fn forget_derived(
    conversation: &mut Conversation,
    walk: &Walk,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    if let Some(origins) = walk.of(conversation.id) {
        origins.take_off(conversation);
    }
    let Some(subject) = conversation.subject.take().map(|it| copy(&it)) else { return Ok(()) };
    // An agent's answer repeats a subject; it gives none. What is merged has its items elsewhere.
    let left: Option<String> = sqlx::query_scalar(
        "WITH RECURSIVE place (id) AS (
             SELECT ?1
             UNION
             SELECT c.merged_into
             FROM place CROSS JOIN conversations AS c ON c.id = place.id
             WHERE c.merged_into IS NOT NULL
         )
         SELECT substr(r.content ->> '$.subject', 1, ?4)
         FROM place
         CROSS JOIN items AS i ON i.conversation = place.id
         CROSS JOIN item_revisions AS r ON r.item = i.id
         WHERE
             i.erased_at IS NULL AND r.content ->> '$.subject' IS NOT NULL
             AND (i.direction = 'inbound' OR i.delivery IS NOT NULL)
         ORDER BY
             r.content ->> '$.subject' = ?2
                 OR substr(r.content ->> '$.subject', 1, length(?3)) = ?3 DESC,
             i.id, r.revision
         LIMIT 1",
    )
    .bind(conversation.id.0)
    .bind(&subject)
    // The conversation has a copy, which may be cut.
    .bind(beginning_of(&subject))
    .bind(COPY_BYTES_MAX as i64 + 1)
    .fetch_optional(connection)
    .await?;
    let is_merged = conversation.merged_into.is_some();
    conversation.subject = left.map(|it| copy(&it)).filter(|it| !is_merged || *it == subject);
    Ok(())
}

/// Conversations as they are from now on.
#[derive(Default)]
struct Changed {
    rows: Rows,
    tags: Script,
}

impl Changed {
    /// Adds one, and writes those that are there when they are many.
    async fn add(
        &mut self,
        before: &Conversation,
        after: &Conversation,
        connection: &mut SqliteConnection,
    ) -> StoreResult<()> {
        conversation_row::push(&mut self.rows, after)?;
        tags::replace(before, after, &mut self.tags);
        match self.rows.len() < WRITTEN_AT_ONCE {
            true => Ok(()),
            false => std::mem::take(self).write(connection).await,
        }
    }

    async fn write(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let mut script = Script::default();
        conversation_row::update(self.rows, &mut script);
        script.run(connection).await?;
        self.tags.run(connection).await
    }
}

/// Thread keys, references to items elsewhere, and what a merge keeps to be taken back: it cannot be any
/// more.
async fn forget_names(connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in [
        "UPDATE conversations SET thread_key = 'erased:' || id
         WHERE id IN (SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations)",
        "DELETE FROM thread_references WHERE conversation IN (SELECT id FROM gone_conversations)",
        "DELETE FROM merge_suggestions WHERE conversation IN (SELECT id FROM gone_conversations)",
        "DELETE FROM merge_suggestions WHERE other IN (SELECT id FROM gone_conversations)",
        // Which rows were moved stays: somebody else's are found by it.
        "UPDATE conversation_merges
         SET undo = json_remove(
             undo, '$.older', '$.younger', '$.references', '$.timers', '$.older_timers'
         )
         WHERE
             younger IN (SELECT id FROM met_conversations)
             OR older IN (SELECT id FROM met_conversations)",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}
