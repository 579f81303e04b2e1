//! Keeping no longer than agreed.
//!
//! Deliveries are appended in the order in which they were taken in, and an id says when that was. So each
//! inbox has a mark up to which its deliveries are purged, and each is looked at once; those that nobody
//! could read yet are set aside, and looked at again.

use sqlx::{Row as _, SqliteConnection};

use super::open::ID_MS_SHIFT;
use super::rows::Rows;
use super::{SqliteStore, audit, erase};
use crate::domain::erasure::Erased;
use crate::domain::ids::InboxId;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, EndedPage, PurgedPage, StoreResult};

/// Deliveries to be purged, as they were found.
struct Due {
    purged: Rows,
    kept_unread: Rows,
    /// Up to which the inbox's were looked at.
    mark: i64,
    has_more: bool,
}

pub(super) async fn purge(
    store: &SqliteStore,
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    entry: &AuditEntry,
) -> StoreResult<PurgedPage> {
    // Looked for by a reader: the first time it may walk through many of other inboxes.
    let due = due(inbox, before, max, &mut *store.readers.acquire().await?).await?;
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    due.kept_unread
        .run("INSERT OR IGNORE INTO kept_unread (delivery) SELECT value ->> 0 FROM jsonb_each(?1)", &mut tx)
        .await?;
    let sql = "DELETE FROM kept_unread WHERE delivery IN (SELECT value ->> 0 FROM jsonb_each(?1))";
    due.purged.clone().run(sql, &mut tx).await?;
    let purged = empty(due.purged, entry.at, &mut tx).await?;
    sqlx::query(
        "INSERT INTO retention_marks (inbox, delivery) VALUES (?, ?)
         ON CONFLICT (inbox) DO UPDATE SET delivery = max(delivery, excluded.delivery)",
    )
    .bind(inbox.0)
    .bind(due.mark)
    .execute(&mut *tx)
    .await?;
    if purged > 0 {
        audit::record(entry, &mut tx).await?;
        erase::disk::mark(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(PurgedPage { purged, has_more: due.has_more })
}

async fn due(
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    connection: &mut SqliteConnection,
) -> StoreResult<Due> {
    let end = before.as_ms().max(0) << ID_MS_SHIFT;
    let mark: Option<i64> = sqlx::query_scalar("SELECT delivery FROM retention_marks WHERE inbox = ?")
        .bind(inbox.0)
        .fetch_optional(&mut *connection)
        .await?;
    let mark = mark.unwrap_or(i64::MIN);
    let next = sqlx::query(
        "SELECT id, outcome = 'accepted'
         FROM deliveries
         WHERE id > ? AND id < ? AND inbox = ?
         ORDER BY id
         LIMIT ?",
    )
    .bind(mark)
    .bind(end)
    .bind(inbox.0)
    .bind(max)
    .fetch_all(&mut *connection)
    .await?;
    let read_since: Vec<i64> = sqlx::query_scalar(
        "SELECT d.id
         FROM kept_unread AS k
         CROSS JOIN deliveries AS d ON d.id = k.delivery
         WHERE d.inbox = ? AND d.outcome = 'accepted' AND d.id < ?
         LIMIT ?",
    )
    .bind(inbox.0)
    .bind(end)
    .bind(max)
    .fetch_all(connection)
    .await?;
    let has_more = next.len() == max as usize || read_since.len() == max as usize;
    let mut due = Due { purged: Rows::default(), kept_unread: Rows::default(), mark, has_more };
    for row in &next {
        let (id, is_read): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
        let rows = if is_read { &mut due.purged } else { &mut due.kept_unread };
        let _ = rows.row().int(id);
        due.mark = id;
    }
    if next.len() < max as usize {
        // The next look begins where this one ended, not at the inbox's last delivery.
        due.mark = due.mark.max(end - 1);
    }
    for id in read_since {
        let _ = due.purged.row().int(id);
    }
    Ok(due)
}

/// Takes out of deliveries what came from outside; how many had it.
///
/// Their place, their time and what became of them stay. Why one could not be read stays too as long as
/// it is so.
pub(super) async fn empty(
    deliveries: Rows,
    at: Timestamp,
    connection: &mut SqliteConnection,
) -> StoreResult<u64> {
    let mut found = Rows::default();
    let sql = "SELECT k.value ->> 0
        FROM jsonb_each(?1) AS k
        WHERE NOT EXISTS (SELECT 1 FROM purged_deliveries AS p WHERE p.delivery = k.value ->> 0)";
    for row in deliveries.fetch(sql, &mut *connection).await? {
        let _ = found.row().int(row.try_get(0)?).int(at.as_ms());
    }
    let sql = "UPDATE deliveries
        SET path = '', query = NULL, headers = '[]', body = x''
        WHERE id IN (SELECT value ->> 0 FROM jsonb_each(?1))";
    found.clone().run_each("deliveries emptied", sql, &mut *connection).await?;
    let sql = "INSERT INTO purged_deliveries (delivery, at)
        SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1)";
    let emptied = found.len() as u64;
    found.run_each("deliveries marked", sql, connection).await?;
    Ok(emptied)
}

pub(super) async fn erase_ended(
    store: &SqliteStore,
    inbox: InboxId,
    before: Timestamp,
    max: u32,
    entry: &AuditEntry,
) -> StoreResult<EndedPage> {
    let ended: Vec<i64> = sqlx::query_scalar(
        "SELECT id
         FROM conversations
         WHERE
             inbox = ? AND updated_at < ?
             AND status = 'closed' AND merged_into IS NULL AND erased_at IS NULL
         ORDER BY updated_at
         LIMIT ?",
    )
    .bind(inbox.0)
    .bind(before.as_ms())
    .bind(max)
    .fetch_all(&store.readers)
    .await?;
    if ended.is_empty() {
        return Ok(EndedPage { erased: Erased::default(), has_more: false });
    }
    let has_more = ended.len() == max as usize;
    let page = erase::conversations(store, &ended, before, entry).await?;
    Ok(EndedPage { has_more: page.has_more && has_more, ..page })
}
