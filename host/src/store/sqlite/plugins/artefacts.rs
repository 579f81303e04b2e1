//! Compiled plugins: files, and rows that say whose they are.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use sqlx::{Row as _, SqliteConnection};

use crate::domain::quota::{Owner, QuotaLimit};
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::{StoreResult, Sweep};

/// Keeps an artefact, within the room that its owner has where one is given.
///
/// The row comes first, and is the reservation: one without its file is only something to be made again.
pub(super) async fn put(
    store: &SqliteStore,
    key: &str,
    owner: Owner,
    bytes: Bytes,
    room: Option<QuotaLimit>,
) -> StoreResult<()> {
    let _keeping = store.artefacts.keeping().await;
    reserve(store, key, owner, bytes.len() as u64, room).await?;
    let written = store.artefacts.write(key, bytes).await;
    if written.is_err() {
        delete_row(store, key).await?;
    }
    written
}

async fn reserve(
    store: &SqliteStore,
    key: &str,
    owner: Owner,
    size: u64,
    room: Option<QuotaLimit>,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    if let Some(room) = room {
        check_room(key, size, room, &mut tx).await?;
    }
    insert(key, owner, size, &mut tx).await?;
    Ok(tx.commit().await?)
}

async fn check_room(
    key: &str,
    size: u64,
    room: QuotaLimit,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let used: i64 =
        sqlx::query_scalar("SELECT ifnull(sum(bytes), 0) FROM artefact_files WHERE owner IS ? AND key <> ?")
            .bind(room.owner.map(|it| it.0))
            .bind(key)
            .fetch_one(connection)
            .await?;
    Ok(room.check(u64::try_from(used).unwrap_or_default(), size)?)
}

/// An artefact that is there already stays its owner's.
async fn insert(key: &str, owner: Owner, size: u64, connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO artefact_files (key, owner, bytes) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes, unused_since = NULL",
    )
    .bind(key)
    .bind(owner.map(|it| it.0))
    .bind(i64::try_from(size).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn get(store: &SqliteStore, key: &str) -> StoreResult<Option<Vec<u8>>> {
    match store.artefacts.read(key).await? {
        Some(bytes) => Ok(Some(bytes)),
        None => of_older_host(store, key).await,
    }
}

async fn of_older_host(store: &SqliteStore, key: &str) -> StoreResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar("SELECT bytes FROM artefacts WHERE key = ?")
        .bind(key)
        .fetch_optional(&mut *store.reader().await?)
        .await?)
}

/// Deletes what no activation has been able to use for long enough; how much.
pub(super) async fn sweep(
    store: &SqliteStore,
    used: &HashMap<String, Owner>,
    sweep: Sweep,
) -> StoreResult<u64> {
    move_from_rows(store, used).await?;
    let _sweeping = store.artefacts.sweeping().await;
    let mut kept = HashSet::new();
    let mut deleted = 0;
    for row in all(store).await? {
        let unused_since = match (used.contains_key(&row.key), row.unused_since) {
            (true, None) => None,
            (true, Some(_)) => {
                mark(store, &row.key, None).await?;
                None
            }
            (false, Some(since)) => Some(since),
            (false, None) => {
                mark(store, &row.key, Some(sweep.now)).await?;
                Some(sweep.now)
            }
        };
        if unused_since.is_some_and(|since| sweep.is_over(since, row.owner)) {
            delete(store, &row.key).await?;
            deleted += 1;
        } else {
            kept.insert(row.key);
        }
    }
    store.artefacts.delete_all_but(&kept).await?;
    Ok(deleted)
}

struct KeptArtefact {
    key: String,
    owner: Owner,
    unused_since: Option<Timestamp>,
}

async fn all(store: &SqliteStore) -> StoreResult<Vec<KeptArtefact>> {
    let rows = sqlx::query("SELECT key, owner, unused_since FROM artefact_files")
        .fetch_all(&mut *store.reader().await?)
        .await?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        Ok(KeptArtefact {
            key: row.try_get(0)?,
            owner: row.try_get::<Option<i64>, _>(1)?.map(Into::into),
            unused_since: row.try_get::<Option<i64>, _>(2)?.map(Timestamp::from_ms),
        })
    };
    rows.iter().map(read).collect()
}

async fn mark(store: &SqliteStore, key: &str, unused_since: Option<Timestamp>) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    sqlx::query("UPDATE artefact_files SET unused_since = ? WHERE key = ?")
        .bind(unused_since.map(Timestamp::as_ms))
        .bind(key)
        .execute(&mut *tx)
        .await?;
    Ok(tx.commit().await?)
}

async fn delete(store: &SqliteStore, key: &str) -> StoreResult<()> {
    store.artefacts.delete(key).await?;
    delete_row(store, key).await
}

async fn delete_row(store: &SqliteStore, key: &str) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    sqlx::query("DELETE FROM artefact_files WHERE key = ?").bind(key).execute(&mut *tx).await?;
    Ok(tx.commit().await?)
}

/// Moves what an older host kept in rows into files, where an activation can use it, and deletes the rows.
async fn move_from_rows(store: &SqliteStore, used: &HashMap<String, Owner>) -> StoreResult<()> {
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT key FROM artefacts").fetch_all(&mut *store.reader().await?).await?;
    for key in keys {
        if let Some(owner) = used.get(&key)
            && store.artefacts.read(&key).await?.is_none()
            && let Some(bytes) = of_older_host(store, &key).await?
        {
            put(store, &key, *owner, bytes.into(), None).await?;
        }
        let mut writer = store.writer.lock().await;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM artefacts WHERE key = ?").bind(&key).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}
