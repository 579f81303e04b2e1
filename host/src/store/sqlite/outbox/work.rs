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

pub(super) async fn claim(
    store: &SqliteStore,
    now: Timestamp,
    max: usize,
    except: &[InboxId],
) -> StoreResult<Vec<OutboxWork>> {
    let mut reader = store.reader().await?;
    let claimed = take(store, now, max, except, &mut reader).await?;
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
    now: Timestamp,
    max: usize,
    except: &[InboxId],
    connection: &mut SqliteConnection,
) -> StoreResult<Vec<OutboxEntry>> {
    let _order = store.claim_order.lock().await;
    let limit = max + store.outbox_claims().len();
    let sql = concat!(
        "SELECT ",
        outbox_columns!(),
        " FROM outbox
          WHERE state = 'queued' AND begun_at IS NULL AND next_attempt_at <= ?
              AND inbox NOT IN (SELECT value FROM json_each(?))
          ORDER BY next_attempt_at
          LIMIT ?"
    );
    let except = serde_json::to_string(&except.iter().map(|it| it.0).collect::<Vec<_>>())?;
    let rows = sqlx::query(sql).bind(now.as_ms()).bind(except).bind(limit as i64);
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
