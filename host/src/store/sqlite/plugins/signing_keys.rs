//! Keys whose signatures of releases count.

use sqlx::SqliteConnection;

use crate::domain::ids::SigningKeyId;
use crate::domain::quota::Quota;
use crate::domain::signing::{Revocation, SigningKey};
use crate::store::sqlite::error::Explain;
use crate::store::sqlite::{SqliteStore, audit, quotas};
use crate::store::{AuditEntry, StoreError, StoreResult};

pub(super) async fn all(store: &SqliteStore) -> StoreResult<Vec<SigningKey>> {
    let contents: Vec<String> = sqlx::query_scalar("SELECT content FROM signing_keys ORDER BY id")
        .fetch_all(&mut *store.renewing_reader().await?)
        .await?;
    contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect()
}

/// The registrations of a public key, oldest first.
pub(super) async fn of(public_key: &str, connection: &mut SqliteConnection) -> StoreResult<Vec<SigningKey>> {
    let contents: Vec<String> =
        sqlx::query_scalar("SELECT content FROM signing_keys WHERE public_key = ? ORDER BY id")
            .bind(public_key)
            .fetch_all(connection)
            .await?;
    contents.iter().map(|it| Ok(serde_json::from_str(it)?)).collect()
}

pub(super) async fn add(store: &SqliteStore, key: &SigningKey, audit: &AuditEntry) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let before = quotas::before(key.department, Quota::SigningKeys, &mut tx).await?;
    let done =
        sqlx::query("INSERT INTO signing_keys (id, public_key, department, content) VALUES (?, ?, ?, ?)")
            .bind(key.id.0)
            .bind(&key.public_key)
            .bind(key.department.map(|it| it.0))
            .bind(serde_json::to_string(key)?)
            .execute(&mut *tx)
            .await;
    done.map(drop)
        .map_err(StoreError::from)
        .or_taken(|| format!("signing key {}", key.public_key))
        .or_missing(|| "department of the signing key".to_owned())?;
    before.check(&mut tx).await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

pub(super) async fn revoke(
    store: &SqliteStore,
    id: SigningKeyId,
    revocation: &Revocation,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let Some(mut key) = by_id(id, &mut tx).await? else {
        return Err(StoreError::Missing(format!("signing key {id}")));
    };
    if key.revoked.is_some() {
        return Err(StoreError::Stale(format!("signing key {id}")));
    }
    key.revoked = Some(revocation.clone());
    sqlx::query("UPDATE signing_keys SET content = ? WHERE id = ?")
        .bind(serde_json::to_string(&key)?)
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

async fn by_id(id: SigningKeyId, connection: &mut SqliteConnection) -> StoreResult<Option<SigningKey>> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM signing_keys WHERE id = ?")
        .bind(id.0)
        .fetch_optional(connection)
        .await?;
    Ok(content.map(|it| serde_json::from_str(&it)).transpose()?)
}
