//! What is due, with all that sending it needs.

use sqlx::SqliteConnection;

use super::{outbox_columns, read, recipient};
use crate::domain::ids::{ConversationId, InboxId, ItemId, OutboxId};
use crate::domain::item::StoredItem;
use crate::domain::outbox::OutboxEntry;
use crate::domain::time::Timestamp;
use crate::store::sqlite::error::surprise;
use crate::store::sqlite::{SqliteStore, item_row};
use crate::store::{OutboxWork, StoreResult};

/// How many of a conversation's items an answer refers to, as [`OutboxWork::references`] says.
const REFERENCES_MAX: i64 = 50;

/// Walks the index from one inbox to the next, however many replies each has.
pub(in crate::store::sqlite) const DUE_INBOXES: &str = "WITH RECURSIVE waiting (inbox) AS (
         SELECT min(inbox) FROM outbox WHERE state = 'queued' AND begun_at IS NULL
         UNION ALL
         SELECT (
             SELECT min(o.inbox)
             FROM outbox AS o
             WHERE o.state = 'queued' AND o.begun_at IS NULL AND o.inbox > w.inbox
         )
         FROM waiting AS w
         WHERE w.inbox IS NOT NULL
     )
     SELECT w.inbox
     FROM waiting AS w
     WHERE EXISTS (
         SELECT 1
         FROM outbox AS o
         WHERE o.state = 'queued' AND o.begun_at IS NULL AND o.inbox = w.inbox AND o.next_attempt_at <= ?
     )";

pub(super) async fn due_inboxes(store: &SqliteStore, now: Timestamp) -> StoreResult<Vec<InboxId>> {
    let due: Vec<i64> = sqlx::query_scalar(DUE_INBOXES).bind(now.as_ms()).fetch_all(&store.readers).await?;
    Ok(due.into_iter().map(InboxId).collect())
}

pub(super) async fn claim(
    store: &SqliteStore,
    inbox: InboxId,
    now: Timestamp,
    max: usize,
) -> StoreResult<Vec<OutboxWork>> {
    let mut reader = store.readers.acquire().await?;
    let claimed = take(store, inbox, now, max, &mut reader).await?;
    let mut works = Vec::with_capacity(claimed.len());
    for entry in &claimed {
        match load(entry.clone(), &mut reader).await {
            // Erased since it was found to be due.
            Ok(work) if work.reply.erased_at.is_some() => drop(store.outbox_claims().remove(&entry.id)),
            Ok(work) => works.push(work),
            Err(error) => {
                let mut held = store.outbox_claims();
                held.retain(|id| claimed.iter().all(|it| it.id != *id));
                return Err(error);
            }
        }
    }
    Ok(works)
}

/// Claims what is due and not claimed yet. Ends are recorded under the same lock, so that an entry
/// cannot be seen as due after it was sent.
async fn take(
    store: &SqliteStore,
    inbox: InboxId,
    now: Timestamp,
    max: usize,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<OutboxEntry>> {
    let _order = store.claim_order.lock().await;
    let limit = max + store.outbox_claims().len();
    let sql = concat!(
        "SELECT ",
        outbox_columns!(),
        " FROM outbox
          WHERE inbox = ? AND state = 'queued' AND begun_at IS NULL AND next_attempt_at <= ?
          ORDER BY next_attempt_at
          LIMIT ?"
    );
    let rows = sqlx::query(sql).bind(inbox.0).bind(now.as_ms()).bind(limit as i64);
    let rows = rows.fetch_all(connection).await?;
    let due = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    let mut held = store.outbox_claims();
    let mut is_free = |id: OutboxId| held.insert(id);
    Ok(due.into_iter().filter(|it| is_free(it.id)).take(max).collect())
}

async fn load(entry: OutboxEntry, connection: &mut SqliteConnection) -> StoreResult<OutboxWork> {
    let missing = || surprise(format!("the item of answer {} is not there", entry.id));
    let reply = item_row::load([entry.item], connection).await?.pop().ok_or_else(missing)?;
    let recipient = recipient::load(entry.id, connection).await?;
    let answers = match reply.item.in_reply_to.first() {
        Some(external_id) => item_of(entry.inbox, external_id, connection).await?,
        None => None,
    };
    let references = references(entry.conversation, entry.item, connection).await?;
    Ok(OutboxWork { entry, reply, recipient, answers, references })
}

async fn item_of(
    inbox: InboxId,
    external_id: &str,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<StoredItem>> {
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM items WHERE inbox = ? AND external_id = ?")
        .bind(inbox.0)
        .bind(external_id)
        .fetch_optional(&mut *connection)
        .await?;
    Ok(item_row::load(id.map(ItemId), connection).await?.pop())
}

/// The external ids of the latest items before the answer, oldest first.
async fn references(
    conversation: ConversationId,
    before: ItemId,
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<String>> {
    let mut references: Vec<String> = sqlx::query_scalar(
        "SELECT external_id FROM items WHERE conversation = ? AND id < ? ORDER BY id DESC LIMIT ?",
    )
    .bind(conversation.0)
    .bind(before.0)
    .bind(REFERENCES_MAX)
    .fetch_all(connection)
    .await?;
    references.reverse();
    Ok(references)
}
