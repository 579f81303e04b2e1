//! From the disk: the write-ahead log still holds pages as they were before, and so does the file until the
//! log is carried over into it.
//!
//! That cannot be part of the transaction. A mark in it says that it is still to be done, so that a host
//! that dies in between takes it up at its next start.

use sqlx::{Row as _, SqliteConnection};

use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::SqliteStore;

/// Under which name the mark is kept.
const MARK: &str = "to-be-wiped";

/// Says that the disk is to be wiped.
pub(in crate::store::sqlite) async fn mark(connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query("INSERT OR IGNORE INTO installation (name, value) VALUES (?, '')")
        .bind(MARK)
        .execute(connection)
        .await?;
    Ok(())
}

/// Carries the log over and cuts it to nothing, if something is marked; whether nothing is left to do.
pub(in crate::store::sqlite) async fn wipe(store: &SqliteStore, now: Timestamp) -> StoreResult<bool> {
    let mut writer = store.writer.lock().await;
    writer.heal().await?;
    let marked: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM installation WHERE name = ?)")
        .bind(MARK)
        .fetch_one(&mut writer.connection)
        .await?;
    if !marked {
        return Ok(true);
    }
    // Nobody writes meanwhile; somebody may still read the pages that were (sqlite.org/pragma.html,
    // "wal_checkpoint"), and is waited for as long as the connection waits for anybody.
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut writer.connection).await?;
    let is_busy: i64 = row.try_get(0)?;
    if is_busy != 0 {
        return Ok(false);
    }
    let mut tx = writer.begin().await?;
    sqlx::query("UPDATE erasures SET wiped_at = ? WHERE wiped_at IS NULL")
        .bind(now.as_ms())
        .execute(&mut *tx)
        .await?;
    sqlx::query("DELETE FROM installation WHERE name = ?").bind(MARK).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(true)
}
