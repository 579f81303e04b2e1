//! Published releases and their bytes.

use bytes::Bytes;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::components;
use crate::domain::look_alike::is_confusable;
use crate::domain::release::Release;
use crate::store::sqlite::error::Explain;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::{SqliteStore, audit};
use crate::store::{
    AuditEntry, Page, PageRequest, Published, ReleaseRoom, ReleaseVersion, StoreError, StoreResult,
};

/// The file comes first, so that a release never is without its component; the row is what counts.
pub(super) async fn publish(
    store: &SqliteStore,
    release: &Release,
    component: &Bytes,
    room: ReleaseRoom,
    audit: &AuditEntry,
) -> StoreResult<Published> {
    let _keeping = store.components.keeping().await;
    {
        // A refused component is not written. The check that counts is the second one.
        let mut reader = store.reader().await?;
        if let Standing::Settled(settled) = standing(release, &mut reader).await? {
            return Ok(settled);
        }
        components::check_room(component.len(), room, &mut reader).await?;
    }
    store.components.write(&release.digest, component.clone()).await?;
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let standing = standing(release, &mut tx).await?;
    if let Standing::Settled(settled) = standing {
        return Ok(settled);
    }
    components::check_room(component.len(), room, &mut tx).await?;
    let published = match standing {
        Standing::WithoutComponent(mut before) => {
            components::keep(&before, component.len(), &mut tx).await?;
            if release.signature.is_some() {
                // Both or neither: what is signed later would fail apart from the component.
                before.signature.clone_from(&release.signature);
                update(&before, &mut tx).await?;
            }
            Published::Before(before)
        }
        _ => {
            insert(release, component.len(), &mut tx).await?;
            Published::New
        }
    };
    audit::record(audit, &mut tx).await?;
    tx.commit().await?;
    Ok(published)
}

/// Where a release to be published stands.
enum Standing {
    /// It is new.
    New,
    /// It was published before, and its component was deleted since.
    WithoutComponent(Box<Release>),
    /// Nothing is to be written.
    Settled(Published),
}

async fn standing(release: &Release, connection: &mut SqliteConnection) -> StoreResult<Standing> {
    if let Some(before) = by_digest(&release.digest, connection).await? {
        let before = Box::new(before);
        return Ok(match components::is_kept(&before, connection).await? {
            true => Standing::Settled(Published::Before(before)),
            // It counts to its owner, and another one fills that quota no more than it publishes the name.
            false if before.owner != release.owner => Standing::Settled(Published::OtherOwner(before)),
            false => Standing::WithoutComponent(before),
        });
    }
    match first_of_name(&release.manifest.name, connection).await? {
        Some(first) if first.owner != release.owner => {
            return Ok(Standing::Settled(Published::OtherOwner(Box::new(first))));
        }
        Some(_) => {}
        None => {
            if let Some(other) = look_alike(release, connection).await? {
                return Ok(Standing::Settled(Published::LookAlike(Box::new(other))));
            }
        }
    }
    if let Some(other) = by_version(release, connection).await? {
        return Ok(Standing::Settled(Published::OtherBytes(Box::new(other))));
    }
    Ok(Standing::New)
}

pub(super) async fn change(
    store: &SqliteStore,
    release: &Release,
    seen: &Release,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let what = format!("release {}", seen.id);
    match by_digest(&seen.digest, &mut tx).await? {
        Some(present) if present == *seen => {}
        Some(_) => return Err(StoreError::Stale(what)),
        None => return Err(StoreError::Missing(what)),
    }
    if seen.yanked().is_some() && release.yanked().is_none() && !components::is_kept(seen, &mut tx).await? {
        return Err(StoreError::Missing(format!("component of {what}")));
    }
    // Nothing else of a release ever changes, whatever is given.
    let kept = Release { state: release.state.clone(), signature: release.signature.clone(), ..seen.clone() };
    update(&kept, &mut tx).await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

async fn update(release: &Release, connection: &mut SqliteConnection) -> StoreResult<()> {
    sqlx::query("UPDATE releases SET content = ? WHERE id = ?")
        .bind(serde_json::to_string(release)?)
        .bind(release.id.0)
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(release: &Release, kept: usize, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query(
        "INSERT INTO releases (id, digest, name, version, summary, content, owner, kept_bytes)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(release.id.0)
    .bind(&release.digest)
    .bind(&release.manifest.name)
    .bind(&release.manifest.version)
    .bind(&release.manifest.summary)
    .bind(serde_json::to_string(release)?)
    .bind(release.owner.map(|it| it.0))
    .bind(kept as i64)
    .execute(connection)
    .await;
    done.map(drop).map_err(StoreError::from).or_taken(|| format!("release {}", release.id))
}

pub(super) async fn by_digest(
    digest: &str,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<Release>> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM releases WHERE digest = ?")
        .bind(digest)
        .fetch_optional(connection)
        .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

/// Whoever publishes a name first owns it.
async fn first_of_name(name: &str, connection: &mut SqliteConnection) -> StoreResult<Option<Release>> {
    let content: Option<String> =
        sqlx::query_scalar("SELECT content FROM releases WHERE name = ? ORDER BY id LIMIT 1")
            .bind(name)
            .fetch_optional(connection)
            .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

/// The first release of another owner under a name that people take for this one's. What the company itself
/// publishes may have any name: its admins rule the marketplace.
async fn look_alike(release: &Release, connection: &mut SqliteConnection) -> StoreResult<Option<Release>> {
    if release.owner.is_none() {
        return Ok(None);
    }
    let names: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT name FROM releases").fetch_all(&mut *connection).await?;
    for name in names.iter().filter(|it| is_confusable(it, &release.manifest.name)) {
        let first = first_of_name(name, connection).await?;
        if first.as_ref().is_some_and(|it| it.owner != release.owner) {
            return Ok(first);
        }
    }
    Ok(None)
}

async fn by_version(release: &Release, connection: &mut SqliteConnection) -> StoreResult<Option<Release>> {
    let content: Option<String> =
        sqlx::query_scalar("SELECT content FROM releases WHERE name = ? AND version = ?")
            .bind(&release.manifest.name)
            .bind(&release.manifest.version)
            .fetch_optional(connection)
            .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}

pub(super) async fn page(store: &SqliteStore, search: &str, page: PageRequest) -> StoreResult<Page<Release>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, octet_length(content)
         FROM releases
         WHERE id < ?1 AND (instr(lower(name), lower(?2)) > 0 OR instr(lower(summary), lower(?2)) > 0)
         ORDER BY id DESC
         LIMIT ?3",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(search)
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    fitting(&sizes, page, &mut reader).await
}

pub(super) async fn of_plugin(
    store: &SqliteStore,
    name: &str,
    page: PageRequest,
) -> StoreResult<Page<Release>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT id, octet_length(content)
         FROM releases
         WHERE id < ? AND name = ?
         ORDER BY id DESC
         LIMIT ?",
    )
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(name)
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    fitting(&sizes, page, &mut reader).await
}

async fn fitting(
    sizes: &[(i64, i64)],
    page: PageRequest,
    connection: &mut SqliteConnection,
) -> StoreResult<Page<Release>> {
    let Fitting { ids, next } = paging::fitting(sizes, page);
    let sql = "SELECT json_group_array(json(r.content) ORDER BY k.key)
        FROM jsonb_each(?1) AS k
        CROSS JOIN releases AS r ON r.id = k.value ->> 0";
    Ok(Page { entries: Rows::of_ids(&ids).fetch_all_at_once(sql, connection).await?, next })
}

/// The names of the plugins that were published last.
pub(super) async fn names(store: &SqliteStore, limit: u32) -> StoreResult<Vec<String>> {
    let names = sqlx::query_scalar("SELECT name FROM releases GROUP BY name ORDER BY max(id) DESC LIMIT ?");
    Ok(names.bind(limit).fetch_all(&mut *store.reader().await?).await?)
}

pub(super) async fn versions(store: &SqliteStore, name: &str) -> StoreResult<Vec<ReleaseVersion>> {
    let rows = sqlx::query(
        "SELECT version, digest, content ->> '$.state' = 'yanked' FROM releases WHERE name = ? ORDER BY id DESC",
    )
    .bind(name)
    .fetch_all(&mut *store.reader().await?)
    .await?;
    let read = |row: &SqliteRow| {
        Ok(ReleaseVersion { version: row.try_get(0)?, digest: row.try_get(1)?, is_yanked: row.try_get(2)? })
    };
    rows.iter().map(read).collect()
}
