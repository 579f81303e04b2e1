//! Attempts to send that begin, and those whose end nobody recorded.

use super::end;
use crate::domain::ids::OutboxId;
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::error::expect_rows;
use crate::store::{SendEnd, StoreResult};

/// What people are told who have to decide.
const NOBODY_KNOWS: &str =
    "Switchboard died, or its disk was full, while this was being sent: it may or may not have been sent";

pub(super) async fn record(store: &SqliteStore, id: OutboxId, now: Timestamp) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query("UPDATE outbox SET begun_at = ? WHERE id = ? AND state = 'queued'")
        .bind(now.as_ms())
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
    expect_rows("answers begun", 1, done.rows_affected())?;
    Ok(tx.commit().await?)
}

/// What is claimed is being sent at this moment, and left alone.
pub(super) async fn park_unfinished(store: &SqliteStore, now: Timestamp) -> StoreResult<usize> {
    // Nearly always there is none: the writer is not kept from its work for that.
    let begun: Vec<i64> = sqlx::query_scalar("SELECT id FROM outbox WHERE begun_at IS NOT NULL")
        .fetch_all(&mut *store.reader().await?)
        .await?;
    let left: Vec<OutboxId> = {
        let claims = store.outbox_claims();
        begun.into_iter().map(OutboxId).filter(|it| !claims.contains(it)).collect()
    };
    if left.is_empty() {
        return Ok(0);
    }
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let mut parked = 0;
    for id in left {
        // Its end may have been recorded since.
        let is_begun: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox WHERE id = ? AND begun_at IS NOT NULL)")
                .bind(id.0)
                .fetch_one(&mut *tx)
                .await?;
        if is_begun {
            end::write_in(store, id, &SendEnd::Parked(NOBODY_KNOWS.to_owned()), now, &mut tx).await?;
            parked += 1;
        }
    }
    tx.commit().await?;
    writer.books.arrivals += 1;
    Ok(parked)
}
