//! Conversations: those that go are closed and say nothing; those that go on forget whom they were with.

use sqlx::{Row as _, SqliteConnection};

use crate::domain::conversation::{Conversation, Status};
use crate::domain::ids::ConversationId;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::conversation_row;
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::script::Script;
use crate::store::sqlite::tags;

/// Overwrites the conversations of the scope; how many were erased as a whole.
pub(super) async fn erase(at: Timestamp, connection: &mut SqliteConnection) -> StoreResult<u64> {
    // Whatever was judged on what they were is judged again.
    sqlx::query(
        "UPDATE conversations SET revision = revision + 1 WHERE id IN (SELECT id FROM met_conversations)",
    )
    .execute(&mut *connection)
    .await?;
    for table in ["gone_conversations", "freed_conversations"] {
        let is_gone = table == "gone_conversations";
        for mut conversation in in_table(is_gone, connection).await? {
            let before = conversation.clone();
            forget(&mut conversation, at);
            if is_gone {
                close(&mut conversation);
            } else {
                hand_on(&mut conversation, connection).await?;
            }
            write(&before, &conversation, connection).await?;
        }
    }
    forget_names(connection).await?;
    let done =
        sqlx::query("UPDATE conversations SET erased_at = ? WHERE id IN (SELECT id FROM gone_conversations)")
            .bind(at.as_ms())
            .execute(connection)
            .await?;
    Ok(done.rows_affected())
}

async fn in_table(is_gone: bool, connection: &mut SqliteConnection) -> StoreResult<Vec<Conversation>> {
    let sql = match is_gone {
        true => "SELECT id FROM gone_conversations",
        false => "SELECT id FROM freed_conversations",
    };
    let ids: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&mut *connection).await?;
    conversation_row::load(ids.into_iter().map(ConversationId), connection).await
}

fn forget(conversation: &mut Conversation, at: Timestamp) {
    conversation.subject = None;
    conversation.tags.clear();
    conversation.attributes.clear();
    conversation.intent = None;
    conversation.language = None;
    conversation.disposition = None;
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

async fn write(
    before: &Conversation,
    after: &Conversation,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let mut rows = Rows::default();
    conversation_row::push(&mut rows, after)?;
    let mut script = Script::default();
    conversation_row::update(rows, &mut script);
    tags::replace(before, after, &mut script);
    script.run(connection).await
}

/// Thread keys, references to items elsewhere, and what a merge keeps to be taken back: it cannot be.
async fn forget_names(connection: &mut SqliteConnection) -> StoreResult<()> {
    for sql in [
        "UPDATE conversations SET thread_key = 'erased:' || id
         WHERE id IN (SELECT id FROM gone_conversations UNION ALL SELECT id FROM freed_conversations)",
        "DELETE FROM thread_references WHERE conversation IN (SELECT id FROM gone_conversations)",
        "UPDATE conversation_merges SET undo = '{}'
         WHERE younger IN (SELECT id FROM met_conversations)",
        "UPDATE conversation_merges SET undo = '{}'
         WHERE older IN (SELECT id FROM met_conversations)",
    ] {
        sqlx::query(sql).execute(&mut *connection).await?;
    }
    Ok(())
}
