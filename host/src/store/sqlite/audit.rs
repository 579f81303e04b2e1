//! The audit log.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, Page, PageRequest, StoreResult};

/// Adds an entry, in the transaction of what it records.
pub(super) async fn record(entry: &AuditEntry, connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query("INSERT INTO audit (id, at, principal, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)")
        .bind(entry.id.0)
        .bind(entry.at.as_ms())
        .bind(serde_json::to_string(&entry.principal)?)
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(entry.detail.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// A page of the log, newest first.
pub(super) async fn page(store: &SqliteStore, page: PageRequest) -> StoreResult<Page<AuditEntry>> {
    let rows = sqlx::query(
        "SELECT id, at, principal, action, subject, detail
         FROM audit
         WHERE id < ?
         ORDER BY id DESC
         LIMIT ?",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(page.limit)
    .fetch_all(&store.readers)
    .await?;
    let entries = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    Ok(super::paging::by_id(entries, page, |it| it.id.0))
}

fn read(row: &SqliteRow) -> StoreResult<AuditEntry> {
    Ok(AuditEntry {
        id: row.try_get::<i64, _>(0)?.into(),
        at: Timestamp::from_ms(row.try_get(1)?),
        principal: serde_json::from_str(row.try_get(2)?)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        detail: serde_json::from_str(row.try_get(5)?)?,
    })
}
