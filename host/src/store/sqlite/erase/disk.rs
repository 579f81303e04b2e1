//! From the disk: the write-ahead log still holds pages as they were before, and so does the file until the
//! log is carried over into it; and between the rows of a page something may be left ([`pages`]).
//!
//! That cannot be part of the transaction. A mark in it says that it is still to be done, so that a host
//! that dies in between takes it up at its next start. It is done in steps, and between them everybody else
//! has the repository.
//!
//! Looking between the rows means to read the whole file. For an erasure, somebody waits for it. What is
//! purged of deliveries is overwritten where it is in the same transaction, and only what lay where rows
//! were before is left to be looked for: that can wait a day.

use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::pages::{self, Walked};
use crate::domain::erasure::Wiping;
use crate::domain::time::Timestamp;
use crate::store::StoreResult;
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::open::BUSY_TIMEOUT;
use crate::store::sqlite::rows::Rows;

/// Under which name the mark is kept; it counts erasures, so that one is not taken for another.
const ERASED: &str = "to-be-wiped";

/// The same for purged deliveries.
const PURGED: &str = "purged-to-be-wiped";

/// Under which name it is kept when the last walk began that came to its end.
const WALKED_AT: &str = "wiped-as-of";

/// How long purged deliveries wait for a walk.
const WALK_EVERY_MS: i64 = 24 * 3_600_000;

/// How long readers are waited for: whoever wants to write waits too.
const READERS_MS: u128 = 100;

/// Says that the disk is to be wiped.
pub(in crate::store::sqlite) async fn mark(connection: &mut SqliteConnection) -> StoreResult<()> {
    count_up(ERASED, connection).await
}

/// Says that the disk is to be wiped of purged deliveries.
pub(in crate::store::sqlite) async fn mark_purged(connection: &mut SqliteConnection) -> StoreResult<()> {
    count_up(PURGED, connection).await
}

async fn count_up(name: &'static str, connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES (?, '1')
         ON CONFLICT (name) DO UPDATE SET value = CAST(value + 1 AS TEXT)",
    )
    .bind(name)
    .execute(connection)
    .await?;
    Ok(())
}

/// What is marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Marks {
    erased: Option<String>,
    purged: Option<String>,
}

/// What is known of a wiping between its steps. Kept in memory: a host that dies begins anew.
#[derive(Debug, Default)]
pub(in crate::store::sqlite) struct Progress {
    walk: Option<Walk>,
    /// For which purged deliveries the log was cut already; they wait for a walk.
    cut_for: Option<String>,
}

/// A walk through all pages.
#[derive(Debug)]
struct Walk {
    /// What was marked when it began: whatever is erased later needs another one.
    marks: Marks,
    began_at: Timestamp,
    contacts: Vec<i64>,
    /// The page to go on with; none at the end.
    next: Option<i64>,
}

/// The next step: overwrites what is left between rows, or carries the log over and cuts it to nothing.
pub(in crate::store::sqlite) async fn wipe_some(store: &SqliteStore, now: Timestamp) -> StoreResult<Wiping> {
    let mut progress = store.wiping.lock().await;
    let (marks, walked_at) = read_marks(store).await?;
    if marks == Marks::default() {
        *progress = Progress::default();
        return Ok(Wiping::Done);
    }
    let is_due = walked_at.is_none_or(|it| now.ms_since(it) >= WALK_EVERY_MS || now < it);
    if progress.walk.is_none() && (marks.erased.is_some() || is_due) {
        progress.walk = Some(Walk::begin(store, marks.clone(), now).await?);
    }
    let Some(walk) = &mut progress.walk else {
        return cut_for_purged(store, marks, &mut progress).await;
    };
    let mut is_too_large = false;
    if let Some(next) = walk.next {
        match pages::clear_some(store, next).await? {
            Walked::Until(next) => {
                walk.next = Some(next);
                return Ok(Wiping::More);
            }
            Walked::All => walk.next = None,
            Walked::TooLarge => is_too_large = true,
        }
    }
    if !cut_log(store).await? {
        return Ok(Wiping::Waiting);
    }
    if is_too_large {
        progress.walk = None;
        return Ok(Wiping::TooLarge);
    }
    finish(store, walk, now).await?;
    progress.walk = None;
    Ok(Wiping::More)
}

/// The log holds what was purged; the rest has time.
async fn cut_for_purged(store: &SqliteStore, marks: Marks, progress: &mut Progress) -> StoreResult<Wiping> {
    if progress.cut_for != marks.purged {
        if !cut_log(store).await? {
            return Ok(Wiping::Waiting);
        }
        progress.cut_for = marks.purged;
    }
    Ok(Wiping::Done)
}

async fn read_marks(store: &SqliteStore) -> StoreResult<(Marks, Option<Timestamp>)> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, value FROM installation WHERE name IN (?, ?, ?)")
            .bind(ERASED)
            .bind(PURGED)
            .bind(WALKED_AT)
            .fetch_all(&mut *store.reader().await?)
            .await?;
    let of = |name| rows.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
    let walked_at = of(WALKED_AT).and_then(|it| it.parse().ok()).map(Timestamp::from_ms);
    Ok((Marks { erased: of(ERASED), purged: of(PURGED) }, walked_at))
}

impl Walk {
    async fn begin(store: &SqliteStore, marks: Marks, now: Timestamp) -> StoreResult<Self> {
        let contacts = sqlx::query_scalar("SELECT contact FROM erasures WHERE wiped_at IS NULL")
            .fetch_all(&mut *store.reader().await?)
            .await?;
        Ok(Self { marks, began_at: now, contacts, next: Some(1) })
    }
}

/// Nothing is left of what was marked when the walk began.
async fn finish(store: &SqliteStore, walk: &Walk, now: Timestamp) -> StoreResult<()> {
    let mut wiped = Rows::default();
    for contact in &walk.contacts {
        let _ = wiped.row().int(*contact).int(now.as_ms());
    }
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let sql = "UPDATE erasures SET wiped_at = r.value ->> 1
        FROM jsonb_each(?1) AS r
        WHERE erasures.contact = r.value ->> 0 AND wiped_at IS NULL";
    wiped.run(sql, &mut tx).await?;
    for (name, value) in [(ERASED, &walk.marks.erased), (PURGED, &walk.marks.purged)] {
        // One that was counted up meanwhile stays.
        sqlx::query("DELETE FROM installation WHERE name = ? AND value = ?")
            .bind(name)
            .bind(value)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(
        "INSERT INTO installation (name, value) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(WALKED_AT)
    .bind(walk.began_at.as_ms().to_string())
    .execute(&mut *tx)
    .await?;
    Ok(tx.commit().await?)
}

/// Nobody writes meanwhile, but somebody may still read the pages that were; whether nobody did
/// (sqlite.org/pragma.html, "wal_checkpoint").
async fn cut_log(store: &SqliteStore) -> StoreResult<bool> {
    let mut writer = store.writer.lock().await;
    writer.heal().await?;
    let connection = &mut writer.connection;
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
