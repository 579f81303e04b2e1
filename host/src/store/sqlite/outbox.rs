//! Answers on their way out.

mod begin;
mod end;
mod recipient;
pub(super) mod work;

pub(super) use self::recipient::recipient_of;
use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::words::{case, word};
use crate::domain::ids::{ConversationId, IdentityId, InboxId, ItemId, OutboxId};
use crate::domain::outbox::OutboxEntry;
use crate::domain::time::Timestamp;
use crate::store::{OutboxStore, OutboxWork, SendEnd, StoreResult};

/// The columns that [`read`] needs, in its order.
macro_rules! outbox_columns {
    () => {
        "id, conversation, item, inbox, state, attempts, next_attempt_at, last_error, created_at"
    };
}
use outbox_columns;

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn due_inboxes(&self, now: Timestamp) -> StoreResult<Vec<InboxId>> {
        work::due_inboxes(self, now).await
    }

    async fn claim_outbox(&self, inbox: InboxId, now: Timestamp, max: usize) -> StoreResult<Vec<OutboxWork>> {
        work::claim(self, inbox, now, max).await
    }

    async fn begin_send(&self, entry: OutboxId, now: Timestamp) -> StoreResult<()> {
        begin::record(self, entry, now).await
    }

    async fn end_send(&self, entry: OutboxId, end: &SendEnd, now: Timestamp) -> StoreResult<()> {
        end::record(self, entry, end, now).await
    }

    async fn release_outbox(&self, entries: &[OutboxId]) -> StoreResult<()> {
        let _order = self.claim_order.lock().await;
        self.outbox_claims().retain(|it| !entries.contains(it));
        Ok(())
    }

    async fn park_unfinished(&self, now: Timestamp) -> StoreResult<usize> {
        begin::park_unfinished(self, now).await
    }

    async fn next_send(&self) -> StoreResult<Option<Timestamp>> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT min(next_attempt_at) FROM outbox WHERE state = 'queued' AND begun_at IS NULL",
        )
        .fetch_one(&self.readers)
        .await?;
        Ok(due.map(Timestamp::from_ms))
    }

    async fn outbox(&self, conversation: ConversationId) -> StoreResult<Vec<OutboxEntry>> {
        let sql = concat!("SELECT ", outbox_columns!(), " FROM outbox WHERE conversation = ? ORDER BY id");
        let rows = sqlx::query(sql).bind(conversation.0).fetch_all(&self.readers).await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &SqliteRow) -> StoreResult<OutboxEntry> {
    Ok(OutboxEntry {
        id: OutboxId(row.try_get(0)?),
        conversation: ConversationId(row.try_get(1)?),
        item: ItemId(row.try_get(2)?),
        inbox: InboxId(row.try_get(3)?),
        state: case(row.try_get(4)?)?,
        attempts: row.try_get(5)?,
        next_attempt_at: Timestamp::from_ms(row.try_get(6)?),
        last_error: row.try_get(7)?,
        created_at: Timestamp::from_ms(row.try_get(8)?),
    })
}

/// Adds an entry, in the transaction of its item.
pub(super) async fn insert(
    entry: &OutboxEntry,
    recipient: IdentityId,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO outbox (
             id, conversation, item, inbox, state, attempts, next_attempt_at, last_error, created_at, recipient
         )
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(entry.id.0)
    .bind(entry.conversation.0)
    .bind(entry.item.0)
    .bind(entry.inbox.0)
    .bind(word(&entry.state)?)
    .bind(entry.attempts)
    .bind(entry.next_attempt_at.as_ms())
    .bind(&entry.last_error)
    .bind(entry.created_at.as_ms())
    .bind(recipient.0)
    .execute(connection)
    .await?;
    Ok(())
}
