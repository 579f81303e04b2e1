//! Enabled plugins and their versions.

use sqlx::SqliteConnection;

use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::ids::ActivationId;
use crate::domain::quota::{Quota, QuotaLimit};
use crate::domain::release::PluginKind;
use crate::domain::time::Timestamp;
use crate::store::sqlite::error::Explain;
use crate::store::sqlite::{SqliteStore, audit, quotas};
use crate::store::{
    ACTIVATION_VERSIONS_MAX, ActivationAdded, ActivationRoom, AuditEntry, StoreError, StoreResult,
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
    audit: &AuditEntry,
) -> StoreResult<ActivationAdded> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    if let Some(name) = of_same_adapter(activation, &mut tx).await? {
        return Ok(ActivationAdded::AdapterIsEnabled { name });
    }
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

pub(super) async fn change(
    store: &SqliteStore,
    activation: &Activation,
    seen: Timestamp,
    preparing: Option<QuotaLimit>,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let mut settings = None;
    if let Some(limit) = preparing {
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
    .bind(seen.as_ms())
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

fn read_all<T: serde::de::DeserializeOwned>(contents: &[String]) -> StoreResult<Vec<T>> {
    contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect()
}
