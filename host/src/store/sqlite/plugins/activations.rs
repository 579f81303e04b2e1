//! Enabled plugins and their versions.

use sqlx::SqliteConnection;

use super::{releases, signing_keys};
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::ids::ActivationId;
use crate::domain::quota::{Quota, QuotaLimit};
use crate::domain::release::PluginKind;
use crate::domain::time::Timestamp;
use crate::store::sqlite::error::{Explain, refuse_look_alike};
use crate::store::sqlite::organisation::kept_settings;
use crate::store::sqlite::paging::{self, Fitting};
use crate::store::sqlite::{SqliteStore, audit, quotas};
use crate::store::{
    ACTIVATION_VERSIONS_MAX, ActivationAdded, ActivationRoom, AuditEntry, Page, PageRequest, StoreError,
    StoreResult, UsableRelease,
};

pub(super) async fn all(store: &SqliteStore) -> StoreResult<Vec<Activation>> {
    let contents: Vec<String> = sqlx::query_scalar("SELECT content FROM activations")
        .fetch_all(&mut *store.renewing_reader().await?)
        .await?;
    let mut all: Vec<Activation> = read_all(&contents)?;
    all.sort_by_key(Activation::order);
    Ok(all)
}

pub(super) async fn add(
    store: &SqliteStore,
    activation: &Activation,
    room: ActivationRoom,
    usable: &[UsableRelease],
    audit: &AuditEntry,
) -> StoreResult<ActivationAdded> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    check_usable(usable, &mut tx).await?;
    if let Some(name) = of_same_adapter(activation, &mut tx).await? {
        return Ok(ActivationAdded::AdapterIsEnabled { name });
    }
    check_name(activation, &mut tx).await?;
    check_activations(room.activations, &mut tx).await?;
    check_preparing(activation, room.preparing, &mut tx).await?;
    let settings = quotas::before(activation.owner, Quota::SettingBytes, &mut tx).await?;
    let done = sqlx::query(
        "INSERT INTO activations (id, name, release, owner, updated_at, content, is_preparing)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(activation.id.0)
    .bind(&activation.name)
    .bind(activation.release.0)
    .bind(activation.owner.map(|it| it.0))
    .bind(activation.updated_at.as_ms())
    .bind(serde_json::to_string(activation)?)
    .bind(activation.is_preparing())
    .execute(&mut *tx)
    .await;
    explain(done.map(drop), activation)?;
    settings.check(&mut tx).await?;
    keep_version(activation, &mut tx).await?;
    audit::record(audit, &mut tx).await?;
    tx.commit().await?;
    Ok(ActivationAdded::Added)
}

/// The name of the activation that works the same adapter, of which there is one at most.
async fn of_same_adapter(
    activation: &Activation,
    connection: &mut SqliteConnection,
) -> StoreResult<Option<String>> {
    if activation.kind != PluginKind::ChannelAdapter {
        return Ok(None);
    }
    Ok(sqlx::query_scalar(
        "SELECT name
         FROM activations
         WHERE content ->> '$.plugin' = ? AND content ->> '$.kind' = 'channel-adapter' AND name <> ?",
    )
    .bind(&activation.plugin)
    .bind(&activation.name)
    .fetch_optional(connection)
    .await?)
}

/// Refuses a name that people take for the name of another owner's activation. What the company itself enables may
/// have any name: its admins see all of them.
async fn check_name(activation: &Activation, connection: &mut SqliteConnection) -> StoreResult<()> {
    if activation.owner.is_none() {
        return Ok(());
    }
    let others: Vec<String> = sqlx::query_scalar("SELECT name FROM activations WHERE owner IS NOT ?")
        .bind(activation.owner.map(|it| it.0))
        .fetch_all(connection)
        .await?;
    refuse_look_alike("activation", &activation.name, others)
}

/// Refuses what depends on a release that is not usable any more.
async fn check_usable(usable: &[UsableRelease], connection: &mut SqliteConnection) -> StoreResult<()> {
    for UsableRelease { release, keys, settings } in usable {
        let present = releases::by_digest(&release.digest, connection).await?;
        let present_keys = match &release.signature {
            Some(it) => signing_keys::of(&it.signature.public_key, connection).await?,
            None => Vec::new(),
        };
        let is_same = present.as_ref() == Some(release) && present_keys == *keys;
        if !is_same || kept_settings(&mut *connection).await? != *settings {
            let (name, version) = (&release.manifest.name, &release.manifest.version);
            return Err(StoreError::Stale(format!("the release {name}@{version}")));
        }
    }
    Ok(())
}

/// What a change was planned by.
pub(super) struct Planned<'a> {
    /// When the activation had last been changed.
    pub(super) seen: Timestamp,
    /// The releases that it depends on.
    pub(super) usable: &'a [UsableRelease],
    /// How many may wait to be prepared, where that is bounded.
    pub(super) preparing: Option<QuotaLimit>,
}

pub(super) async fn change(
    store: &SqliteStore,
    activation: &Activation,
    planned: Planned<'_>,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    check_usable(planned.usable, &mut tx).await?;
    let mut settings = None;
    if let Some(limit) = planned.preparing {
        check_preparing(activation, limit, &mut tx).await?;
        settings = Some(quotas::before(activation.owner, Quota::SettingBytes, &mut tx).await?);
    }
    let done = sqlx::query(
        "UPDATE activations
         SET name = ?, release = ?, owner = ?, updated_at = ?, content = ?, is_preparing = ?
         WHERE id = ? AND updated_at = ?",
    )
    .bind(&activation.name)
    .bind(activation.release.0)
    .bind(activation.owner.map(|it| it.0))
    .bind(activation.updated_at.as_ms())
    .bind(serde_json::to_string(activation)?)
    .bind(activation.is_preparing())
    .bind(activation.id.0)
    .bind(planned.seen.as_ms())
    .execute(&mut *tx)
    .await;
    if explain(done, activation)?.rows_affected() == 0 {
        return Err(missing_or_stale(activation, &mut tx).await?);
    }
    if let Some(settings) = settings {
        settings.check(&mut tx).await?;
    }
    keep_version(activation, &mut tx).await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

/// Deletes an activation with its versions. Decisions and generations say of themselves what it was.
pub(super) async fn delete(
    store: &SqliteStore,
    activation: &Activation,
    seen: Timestamp,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    sqlx::query("DELETE FROM activation_versions WHERE activation = ?")
        .bind(activation.id.0)
        .execute(&mut *tx)
        .await?;
    let done = sqlx::query("DELETE FROM activations WHERE id = ? AND updated_at = ?")
        .bind(activation.id.0)
        .bind(seen.as_ms())
        .execute(&mut *tx)
        .await?;
    // A transaction that is not committed is undone: the versions stay.
    if done.rows_affected() == 0 {
        return Err(missing_or_stale(activation, &mut tx).await?);
    }
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

async fn check_activations(limit: QuotaLimit, connection: &mut SqliteConnection) -> StoreResult<()> {
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM activations WHERE owner IS ?")
        .bind(limit.owner.map(|it| it.0))
        .fetch_one(connection)
        .await?;
    Ok(limit.check(u64::try_from(there).unwrap_or_default(), 1)?)
}

/// One that waits already only waits for something else.
async fn check_preparing(
    activation: &Activation,
    limit: QuotaLimit,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    if !activation.is_preparing() {
        return Ok(());
    }
    let (others, this): (i64, i64) = sqlx::query_as(
        "SELECT ifnull(sum(id <> ?1), 0), ifnull(sum(id = ?1), 0)
         FROM activations
         WHERE owner IS ?2 AND is_preparing = 1",
    )
    .bind(activation.id.0)
    .bind(limit.owner.map(|it| it.0))
    .fetch_one(connection)
    .await?;
    Ok(limit.check(u64::try_from(others).unwrap_or_default(), u64::from(this == 0))?)
}

fn explain<T>(done: sqlx::Result<T>, activation: &Activation) -> StoreResult<T> {
    done.map_err(StoreError::from)
        .or_taken(|| format!("activation {}", activation.name))
        .or_missing(|| format!("release {}@{}", activation.plugin, activation.version))
}

async fn missing_or_stale(
    activation: &Activation,
    connection: &mut SqliteConnection,
) -> StoreResult<StoreError> {
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM activations WHERE id = ?)")
        .bind(activation.id.0)
        .fetch_one(connection)
        .await?;
    let what = format!("activation {}", activation.name);
    Ok(if known { StoreError::Stale(what) } else { StoreError::Missing(what) })
}

async fn keep_version(activation: &Activation, connection: &mut SqliteConnection) -> StoreResult<()> {
    let version = ActivationVersion {
        activation: activation.id,
        revision: activation.revision,
        release: activation.release,
        version: activation.version.clone(),
        digest: activation.digest.clone(),
        settings: activation.settings.clone(),
        created_at: activation.updated_at,
    };
    sqlx::query(
        "INSERT INTO activation_versions (activation, revision, content) VALUES (?, ?, ?)
         ON CONFLICT (activation, revision) DO NOTHING",
    )
    .bind(activation.id.0)
    .bind(activation.revision)
    .bind(serde_json::to_string(&version)?)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM activation_versions WHERE activation = ? AND revision <= ?")
        .bind(activation.id.0)
        .bind(activation.revision - ACTIVATION_VERSIONS_MAX)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn versions(
    store: &SqliteStore,
    activation: ActivationId,
) -> StoreResult<Vec<ActivationVersion>> {
    let contents: Vec<String> = sqlx::query_scalar(
        "SELECT content FROM activation_versions WHERE activation = ? ORDER BY revision DESC",
    )
    .bind(activation.0)
    .fetch_all(&mut *store.renewing_reader().await?)
    .await?;
    read_all(&contents)
}

/// The same, in pages.
pub(super) async fn version_page(
    store: &SqliteStore,
    activation: ActivationId,
    page: PageRequest,
) -> StoreResult<Page<ActivationVersion>> {
    let mut reader = store.reader().await?;
    let sizes: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT revision, octet_length(content)
         FROM activation_versions
         WHERE activation = ? AND revision < ?
         ORDER BY revision DESC
         LIMIT ?",
    )
    .bind(activation.0)
    .bind(page.after.unwrap_or(i64::MAX))
    .bind(page.limit)
    .fetch_all(&mut *reader)
    .await?;
    let Fitting { ids, next } = paging::fitting(&sizes, page);
    let contents: Vec<String> = sqlx::query_scalar(
        "SELECT content
         FROM activation_versions
         WHERE activation = ? AND revision BETWEEN ? AND ?
         ORDER BY revision DESC",
    )
    .bind(activation.0)
    .bind(ids.last().copied().unwrap_or_default())
    .bind(ids.first().copied().unwrap_or_default())
    .fetch_all(&mut *reader)
    .await?;
    Ok(Page { entries: read_all(&contents)?, next })
}

fn read_all<T: serde::de::DeserializeOwned>(contents: &[String]) -> StoreResult<Vec<T>> {
    contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect()
}
