//! From the disk: the write-ahead log still holds pages as they were before, and so does the file until the
//! log is carried over into it.
//!
//! That cannot be part of the transaction. A mark in it says that it is still to be done, so that a host
//! that dies in between takes it up at its next start.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::BUSY_TIMEOUT;

/// Under which name the mark is kept.
const MARK: &str = "to-be-wiped";

/// How long readers are waited for: whoever wants to write waits too.
const READERS_MS: u128 = 100;

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
    if !cut_log(&mut writer.connection).await? {
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

/// Nobody writes meanwhile, but somebody may still read the pages that were; whether nobody did
/// (sqlite.org/pragma.html, "wal_checkpoint").
async fn cut_log(connection: &mut SqliteConnection) -> StoreResult<bool> {
    wait_for_readers(READERS_MS, connection).await?;
    let done = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *connection).await;
    wait_for_readers(BUSY_TIMEOUT.as_millis(), connection).await?;
    let is_busy: i64 = done?.try_get(0)?;
    Ok(is_busy == 0)
}

async fn wait_for_readers(ms: u128, connection: &mut SqliteConnection) -> StoreResult<()> {
    // A pragma takes no parameters.
    sqlx::query(AssertSqlSafe(format!("PRAGMA busy_timeout = {ms}"))).execute(connection).await?;
    Ok(())
}
