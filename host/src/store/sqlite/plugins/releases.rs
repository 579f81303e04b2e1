//! Published releases and their bytes.

use sqlx::SqliteConnection;

use crate::domain::look_alike::is_confusable;
use crate::domain::release::Release;
use crate::store::sqlite::error::Explain;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::rows::Rows;
use crate::store::sqlite::{SqliteStore, audit};
use crate::store::{AuditEntry, Page, PageRequest, Published, StoreError, StoreResult};

pub(super) async fn publish(
    store: &SqliteStore,
    release: &Release,
    component: &[u8],
    audit: &AuditEntry,
) -> StoreResult<Published> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    if let Some(before) = by_digest(&release.digest, &mut tx).await? {
        return Ok(Published::Before(Box::new(before)));
    }
    match first_of_name(&release.manifest.name, &mut tx).await? {
        Some(first) if first.owner != release.owner => return Ok(Published::OtherOwner(Box::new(first))),
        Some(_) => {}
        None => {
            if let Some(other) = look_alike(release, &mut tx).await? {
                return Ok(Published::LookAlike(Box::new(other)));
            }
        }
    }
    if let Some(other) = by_version(release, &mut tx).await? {
        return Ok(Published::OtherBytes(Box::new(other)));
    }
    insert(release, component, &mut tx).await?;
    audit::record(audit, &mut tx).await?;
    tx.commit().await?;
    Ok(Published::New)
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
    // Nothing else of a release ever changes, whatever is given.
    let kept = Release { state: release.state.clone(), signature: release.signature.clone(), ..seen.clone() };
    sqlx::query("UPDATE releases SET content = ? WHERE id = ?")
        .bind(serde_json::to_string(&kept)?)
        .bind(kept.id.0)
        .execute(&mut *tx)
        .await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

async fn insert(release: &Release, component: &[u8], connection: &mut SqliteConnection) -> StoreResult<()> {
    let done = sqlx::query(
        "INSERT INTO releases (id, digest, name, version, summary, content) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(release.id.0)
    .bind(&release.digest)
    .bind(&release.manifest.name)
    .bind(&release.manifest.version)
    .bind(&release.manifest.summary)
    .bind(serde_json::to_string(release)?)
    .execute(&mut *connection)
    .await;
    done.map(drop).map_err(StoreError::from).or_taken(|| format!("release {}", release.id))?;
    sqlx::query("INSERT INTO components (release, bytes) VALUES (?, ?)")
        .bind(release.id.0)
        .bind(component)
        .execute(connection)
        .await?;
    Ok(())
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
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let sql = "SELECT json_group_array(json(r.content) ORDER BY k.key)
        FROM jsonb_each(?1) AS k
        CROSS JOIN releases AS r ON r.id = k.value ->> 0";
    Ok(Page { entries: Rows::of_ids(&ids).fetch_all_at_once(sql, &mut reader).await?, next })
}

/// The names of the plugins that were published last.
pub(super) async fn names(store: &SqliteStore, limit: u32) -> StoreResult<Vec<String>> {
    let names = sqlx::query_scalar("SELECT name FROM releases GROUP BY name ORDER BY max(id) DESC LIMIT ?");
    Ok(names.bind(limit).fetch_all(&mut *store.reader().await?).await?)
}

pub(super) async fn versions(store: &SqliteStore, name: &str) -> StoreResult<Vec<Release>> {
    let contents: Vec<String> =
        sqlx::query_scalar("SELECT content FROM releases WHERE name = ? ORDER BY id DESC")
            .bind(name)
            .fetch_all(&mut *store.reader().await?)
            .await?;
    read_all(&contents)
}

pub(super) async fn component(store: &SqliteStore, digest: &str) -> StoreResult<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "SELECT c.bytes FROM releases AS r JOIN components AS c ON c.release = r.id WHERE r.digest = ?",
    )
    .bind(digest)
    .fetch_optional(&mut *store.reader().await?)
    .await?)
}

fn read_all(contents: &[String]) -> StoreResult<Vec<Release>> {
    contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect()
}
