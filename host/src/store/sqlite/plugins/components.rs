//! The bytes of releases: files, named by their digests.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use crate::domain::quota::QuotaLimit;
use crate::domain::release::Release;
use crate::domain::time::Timestamp;
use crate::store::sqlite::SqliteStore;
use crate::store::{ReleaseRoom, StoreResult, Sweep};

pub(super) async fn get(store: &SqliteStore, digest: &str) -> StoreResult<Option<Vec<u8>>> {
    match store.components.read(digest).await? {
        Some(bytes) => Ok(Some(bytes)),
        None => of_older_host(store, digest).await,
    }
}

async fn of_older_host(store: &SqliteStore, digest: &str) -> StoreResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "SELECT c.bytes FROM releases AS r JOIN components AS c ON c.release = r.id WHERE r.digest = ?",
    )
    .bind(digest)
    .fetch_optional(&mut *store.reader().await?)
    .await?)
}

/// Whether a release's component is kept.
pub(super) async fn is_kept(release: &Release, connection: &mut SqliteConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT kept_bytes IS NOT NULL FROM releases WHERE id = ?")
        .bind(release.id.0)
        .fetch_one(connection)
        .await?)
}

/// Notes that a release's component is kept from now on.
pub(super) async fn keep(
    release: &Release,
    bytes: usize,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query("UPDATE releases SET kept_bytes = ?, unused_since = NULL WHERE id = ?")
        .bind(bytes as i64)
        .bind(release.id.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// Refuses a component more than the owner may have.
pub(super) async fn check_room(
    added: usize,
    room: ReleaseRoom,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let used = async |limit: QuotaLimit, sql: &'static str, connection: &mut SqliteConnection| {
        let owner = limit.owner.map(|it| it.0);
        let used: i64 = sqlx::query_scalar(sql).bind(owner).fetch_one(connection).await?;
        StoreResult::Ok(u64::try_from(used).unwrap_or_default())
    };
    let releases = "SELECT count(*) FROM releases WHERE owner IS ? AND kept_bytes IS NOT NULL";
    room.releases.check(used(room.releases, releases, &mut *connection).await?, 1)?;
    let bytes = "SELECT ifnull(sum(kept_bytes), 0) FROM releases WHERE owner IS ?";
    Ok(room.bytes.check(used(room.bytes, bytes, connection).await?, added as u64)?)
}

/// Deletes the components of releases that have been yanked, and run by no activation, for long enough; how
/// many. Rows stay, so that no version is ever given to other bytes.
pub(super) async fn sweep(store: &SqliteStore, used: &HashSet<String>, sweep: Sweep) -> StoreResult<u64> {
    move_from_rows(store).await?;
    let _sweeping = store.components.sweeping().await;
    let rows = sqlx::query(
        "SELECT id, digest, content ->> '$.state' = 'yanked', unused_since FROM releases WHERE kept_bytes IS NOT NULL",
    )
    .fetch_all(&mut *store.reader().await?)
    .await?;
    let mut kept = HashSet::new();
    let mut deleted = 0;
    for row in rows {
        let (id, digest): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let is_unused = row.try_get::<bool, _>(2)? && !used.contains(&digest);
        let before = row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_ms);
        let since = is_unused.then(|| before.unwrap_or(sweep.now));
        let is_over = since.is_some_and(|since| sweep.is_over(since, None));
        let is_noted = (since != before || is_over) && note(store, id, since, is_over).await?;
        if is_over && is_noted {
            // The row goes by first: it never names a file that is gone.
            store.components.delete(&digest).await?;
            deleted += 1;
        } else {
            kept.insert(digest);
        }
    }
    store.components.delete_all_but(&kept).await?;
    Ok(deleted)
}

/// Notes since when a component is unused, or that it is deleted; whether that was so. It is looked at once more in the
/// transaction that writes: the release may be unyanked by now, or an activation run it.
async fn note(store: &SqliteStore, id: i64, since: Option<Timestamp>, is_deleted: bool) -> StoreResult<bool> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query(
        "UPDATE releases AS r
         SET unused_since = ?1, kept_bytes = CASE ?2 WHEN 1 THEN NULL ELSE kept_bytes END
         WHERE
             id = ?3
             AND (
                 ?1 IS NULL
                 OR content ->> '$.state' = 'yanked'
                 AND NOT EXISTS (
                     SELECT 1
                     FROM activations AS a
                     WHERE a.release = r.id OR a.content ->> '$.next.digest' = r.digest
                 )
             )",
    )
    .bind(since.map(Timestamp::as_ms))
    .bind(is_deleted)
    .bind(id)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(done.rows_affected() == 1)
}

/// Moves what an older host kept in rows into files.
async fn move_from_rows(store: &SqliteStore) -> StoreResult<()> {
    let rows: Vec<(i64, String)> =
        sqlx::query_as("SELECT r.id, r.digest FROM components AS c JOIN releases AS r ON r.id = c.release")
            .fetch_all(&mut *store.reader().await?)
            .await?;
    for (id, digest) in rows {
        let _keeping = store.components.keeping().await;
        if let Some(bytes) = of_older_host(store, &digest).await? {
            store.components.write(&digest, bytes.into()).await?;
        }
        let mut writer = store.writer.lock().await;
        let mut tx = writer.begin().await?;
        sqlx::query("DELETE FROM components WHERE release = ?").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Fills in to whom the releases of an older host count.
pub(in crate::store::sqlite) async fn fill_in_owners(connection: &mut SqliteConnection) -> StoreResult<()> {
    let contents: Vec<String> = sqlx::query_scalar(
        "SELECT content FROM releases WHERE owner IS NULL AND content ->> '$.owner' IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for content in contents {
        let release: Release = serde_json::from_str(&content)?;
        sqlx::query("UPDATE releases SET owner = ? WHERE id = ?")
            .bind(release.owner.map(|it| it.0))
            .bind(release.id.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
