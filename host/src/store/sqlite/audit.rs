//! The audit log: appended to in the transaction of what it records, each entry linked to the one before.

use std::path::Path;

use futures::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{ConnectOptions, Connection, Row as _, SqliteConnection};

use super::SqliteStore;
use super::error::expect_rows;
use super::open::reader_options;
use super::paging::{self, Fitting};
use crate::domain::time::Timestamp;
use crate::store::audit_chain::{Link, Walk, Written};
use crate::store::{AuditEntry, AuditVerification, Page, PageRequest, StoreResult};

/// Under which name the last link is kept beside the log.
const HEAD: &str = "audit-head";

/// Adds an entry, in the transaction of what it records.
pub(super) async fn record(entry: &AuditEntry, connection: &mut SqliteConnection) -> StoreResult<()> {
    let (principal, detail) = (serde_json::to_string(&entry.principal)?, entry.detail.to_string());
    let link = head(connection).await?.next(Written {
        id: entry.id,
        at_ms: entry.at.as_ms(),
        principal: &principal,
        action: &entry.action,
        subject: &entry.subject,
        detail: &detail,
    });
    sqlx::query(
        "INSERT INTO audit (id, at, principal, action, subject, detail, number, link)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(entry.id.0)
    .bind(entry.at.as_ms())
    .bind(principal)
    .bind(&entry.action)
    .bind(&entry.subject)
    .bind(detail)
    .bind(link.number)
    .bind(&link.sha256)
    .execute(&mut *connection)
    .await?;
    let done = sqlx::query(
        "INSERT INTO installation (name, value) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(HEAD)
    .bind(serde_json::to_string(&link)?)
    .execute(connection)
    .await?;
    expect_rows("ends of the audit log", 1, done.rows_affected())
}

/// The last link, as it is kept beside the log.
async fn head(connection: &mut SqliteConnection) -> StoreResult<Link> {
    let kept: Option<String> = sqlx::query_scalar("SELECT value FROM installation WHERE name = ?")
        .bind(HEAD)
        .fetch_optional(connection)
        .await?;
    Ok(kept.map(|it| serde_json::from_str(&it)).transpose()?.unwrap_or_default())
}

/// Whether the last entry is not the one that the kept link says; in words. The whole chain is walked by
/// [`verify`].
pub(super) async fn misses_its_end(connection: &mut SqliteConnection) -> StoreResult<Option<String>> {
    let mut moment = connection.begin().await?;
    let kept = head(&mut moment).await?;
    let last: Option<(i64, String)> = sqlx::query_as(
        "SELECT number, link FROM audit WHERE number IS NOT NULL ORDER BY number DESC LIMIT 1",
    )
    .fetch_optional(&mut *moment)
    .await?;
    let found = last.map(|(number, sha256)| Link { number, sha256 }).unwrap_or_default();
    let fits = (found.number, &found.sha256) == (kept.number, &kept.sha256);
    Ok((!fits).then(|| format!("the audit log ends at {}, not at {}", found.number, kept.number)))
}

/// A page of the log, newest first.
pub(super) async fn page(store: &SqliteStore, page: PageRequest) -> StoreResult<Page<AuditEntry>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, octet_length(principal) + octet_length(subject) + octet_length(detail)
         FROM audit
         WHERE id < ?
         ORDER BY id DESC
         LIMIT ?",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let rows = sqlx::query(
        "SELECT id, at, principal, action, subject, detail
         FROM audit
         WHERE id BETWEEN ? AND ?
         ORDER BY id DESC",
    )
    .bind(ids.last().copied().unwrap_or_default())
    .bind(ids.first().copied().unwrap_or_default())
    .fetch_all(&mut *reader)
    .await?;
    Ok(Page { entries: rows.iter().map(read).collect::<StoreResult<_>>()?, next })
}

/// Verifies the log of a repository in this file, whether a host has it open or not.
///
/// `Unavailable` when there is no repository.
pub async fn verify_file(file: &Path) -> StoreResult<AuditVerification> {
    let mut connection = reader_options(file).connect().await?;
    let verification = verify(&mut connection).await?;
    connection.close().await?;
    Ok(verification)
}

/// Walks the whole log, as it is at one moment.
pub(super) async fn verify(connection: &mut SqliteConnection) -> StoreResult<AuditVerification> {
    let mut moment = connection.begin().await?;
    let kept = head(&mut moment).await?;
    let before_chain: i64 =
        sqlx::query_scalar("SELECT count(*) FROM audit WHERE number IS NULL").fetch_one(&mut *moment).await?;
    let mut walk = Walk::default();
    let mut broken = None;
    {
        let mut rows = sqlx::query(
            "SELECT id, at, principal, action, subject, detail, number, link
             FROM audit
             WHERE number IS NOT NULL
             ORDER BY number",
        )
        .fetch(&mut *moment);
        while let Some(row) = rows.try_next().await? {
            let found = Link { number: row.try_get(6)?, sha256: row.try_get(7)? };
            broken = walk.step(&found, written(&row)?).err();
            if broken.is_some() {
                break;
            }
        }
    }
    let broken = broken.or_else(|| walk.end(&kept).err());
    Ok(walk.verification(before_chain.unsigned_abs(), broken))
}

fn written(row: &SqliteRow) -> StoreResult<Written<'_>> {
    Ok(Written {
        id: row.try_get::<i64, _>(0)?.into(),
        at_ms: row.try_get(1)?,
        principal: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        detail: row.try_get(5)?,
    })
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
