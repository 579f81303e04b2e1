//! From the disk: the write-ahead log still holds pages as they were before, and so does the file until the
//! log is carried over into it; and between the rows of a page something may be left ([`pages`]).
//!
//! That cannot be part of the transaction. A mark in it says that it is still to be done, so that a host
//! that dies in between takes it up at its next start.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::pages;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::BUSY_TIMEOUT;
use crate::store::sqlite::rows::Rows;

/// Under which name the mark is kept; it counts erasures, so that one is not taken for another.
const MARK: &str = "to-be-wiped";

/// How long readers are waited for: whoever wants to write waits too.
const READERS_MS: u128 = 100;

/// Says that the disk is to be wiped.
pub(in crate::store::sqlite) async fn mark(connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES (?, '1')
         ON CONFLICT (name) DO UPDATE SET value = CAST(value + 1 AS TEXT)",
    )
    .bind(MARK)
    .execute(connection)
    .await?;
    Ok(())
}

/// Overwrites what is left between rows, carries the log over and cuts it to nothing, if something is
/// marked; whether nothing is left to do.
pub(in crate::store::sqlite) async fn wipe(store: &SqliteStore, now: Timestamp) -> StoreResult<bool> {
    let mark: Option<String> = sqlx::query_scalar("SELECT value FROM installation WHERE name = ?")
        .bind(MARK)
        .fetch_optional(&store.readers)
        .await?;
    let Some(mark) = mark else { return Ok(true) };
    // Whoever is erased from here on counts the mark up, and it is all done again.
    let contacts: Vec<i64> = sqlx::query_scalar("SELECT contact FROM erasures WHERE wiped_at IS NULL")
        .fetch_all(&store.readers)
        .await?;
    pages::clear(store).await?;
    let mut writer = store.writer.lock().await;
    writer.heal().await?;
    if !cut_log(&mut writer.connection).await? {
        return Ok(false);
    }
    let mut wiped = Rows::default();
    for contact in contacts {
        let _ = wiped.row().int(contact).int(now.as_ms());
    }
    let mut tx = writer.begin().await?;
    let sql = "UPDATE erasures SET wiped_at = r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE erasures.contact = r.value ->> 0 AND wiped_at IS NULL";
    wiped.run(sql, &mut tx).await?;
    let done = sqlx::query("DELETE FROM installation WHERE name = ? AND value = ?")
        .bind(MARK)
        .bind(mark)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
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
