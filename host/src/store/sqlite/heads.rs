//! Heads of raw deliveries: what may show a secret that was not known as one when it came.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{SqliteStore, paging};
use crate::domain::delivery::DeliveryHead;
use crate::domain::ids::{DeliveryId, InboxId};
use crate::store::{Page, PageRequest, StoreResult};

pub(super) async fn unread(
    store: &SqliteStore,
    inbox: InboxId,
    page: PageRequest,
) -> StoreResult<Page<(DeliveryId, DeliveryHead)>> {
    let rows = sqlx::query(
        "SELECT id, query, headers
         FROM deliveries
         WHERE id < ? AND inbox = ? AND outcome = 'unparsed'
         ORDER BY id DESC
         LIMIT ?",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(inbox.0)
    .bind(page.limit)
    .fetch_all(&mut *store.reader().await?)
    .await?;
    let entries = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    Ok(paging::by_id(entries, page, |it| it.0.0))
}

fn read(row: &SqliteRow) -> StoreResult<(DeliveryId, DeliveryHead)> {
    let head = DeliveryHead { query: row.try_get(1)?, headers: serde_json::from_str(row.try_get(2)?)? };
    Ok((DeliveryId(row.try_get(0)?), head))
}

/// One that was emptied meanwhile stays empty.
pub(super) async fn rewrite(
    store: &SqliteStore,
    delivery: DeliveryId,
    head: &DeliveryHead,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    sqlx::query(
        "UPDATE deliveries
         SET query = ?, headers = ?
         WHERE id = ? AND NOT EXISTS (SELECT 1 FROM purged_deliveries AS p WHERE p.delivery = deliveries.id)",
    )
    .bind(&head.query)
    .bind(serde_json::to_string(&head.headers)?)
    .bind(delivery.0)
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}
