//! Secrets, with their values as they were sealed.

use std::collections::HashMap;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::error::Explain;
use super::{SqliteStore, audit, quotas};
use crate::domain::ids::SecretValueId;
use crate::domain::quota::Quota;
use crate::domain::secret::{Secret, SecretValueFacts};
use crate::domain::time::Timestamp;
use crate::store::{AuditEntry, SecretStore, StoreError, StoreResult, StoredSecret, StoredSecretValue};

#[async_trait]
impl SecretStore for SqliteStore {
    async fn secrets(&self) -> StoreResult<Vec<StoredSecret>> {
        let mut reader = self.renewing_reader().await?;
        let mut tx = reader.begin().await?;
        let secrets = sqlx::query(
            "SELECT id, name, department, uses, hosts, created_at, revision FROM secrets ORDER BY name",
        )
        .fetch_all(&mut *tx)
        .await?;
        let rows =
            sqlx::query("SELECT secret, id, created_at, retired_at, sealed FROM secret_values ORDER BY id")
                .fetch_all(&mut *tx)
                .await?;
        let mut values: HashMap<i64, Vec<StoredSecretValue>> = HashMap::new();
        for row in &rows {
            values.entry(row.try_get(0)?).or_default().push(read_value(row)?);
        }
        let with_values = |row| {
            let secret = read_secret(row)?;
            let values = values.remove(&secret.id.0).unwrap_or_default();
            Ok(StoredSecret { secret, values })
        };
        secrets.iter().map(with_values).collect()
    }

    async fn add_secret(
        &self,
        secret: &Secret,
        value: &StoredSecretValue,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let before = quotas::before(secret.department, Quota::Secrets, &mut tx).await?;
        let done = sqlx::query(
            "INSERT INTO secrets (id, name, department, uses, hosts, created_at, revision)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(secret.id.0)
        .bind(&secret.name)
        .bind(secret.department.map(|it| it.0))
        .bind(serde_json::to_string(&secret.uses)?)
        .bind(serde_json::to_string(&secret.hosts)?)
        .bind(secret.created_at.as_ms())
        .bind(secret.revision)
        .execute(&mut *tx)
        .await;
        done.map(drop)
            .map_err(StoreError::from)
            .or_taken(|| format!("secret {}", secret.name))
            .or_missing(|| "department of the secret".to_owned())?;
        before.check(&mut tx).await?;
        insert_value(secret, value, &mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn change_secret(&self, secret: &Secret, audit: &AuditEntry) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        update(secret, &mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn add_secret_value(
        &self,
        secret: &Secret,
        value: &StoredSecretValue,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        update(secret, &mut tx).await?;
        insert_value(secret, value, &mut tx).await?;
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn retire_secret_value(
        &self,
        id: SecretValueId,
        at: Timestamp,
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        let done = sqlx::query(
            "UPDATE secret_values SET sealed = NULL, retired_at = ? WHERE id = ? AND retired_at IS NULL",
        )
        .bind(at.as_ms())
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() == 0 {
            let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM secret_values WHERE id = ?)")
                .bind(id.0)
                .fetch_one(&mut *tx)
                .await?;
            let what = format!("value {id}");
            return Err(if known { StoreError::Stale(what) } else { StoreError::Missing(what) });
        }
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }
}

async fn insert_value(
    secret: &Secret,
    value: &StoredSecretValue,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO secret_values (id, secret, sealed, created_at, retired_at) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(value.facts.id.0)
    .bind(secret.id.0)
    .bind(&value.sealed)
    .bind(value.facts.created_at.as_ms())
    .bind(value.facts.retired_at.map(Timestamp::as_ms))
    .execute(connection)
    .await?;
    Ok(())
}

async fn update(secret: &Secret, connection: &mut SqliteConnection) -> StoreResult<()> {
    let done =
        sqlx::query("UPDATE secrets SET uses = ?, hosts = ?, revision = ? WHERE id = ? AND revision = ?")
            .bind(serde_json::to_string(&secret.uses)?)
            .bind(serde_json::to_string(&secret.hosts)?)
            .bind(secret.revision)
            .bind(secret.id.0)
            .bind(secret.revision - 1)
            .execute(&mut *connection)
            .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM secrets WHERE id = ?)")
        .bind(secret.id.0)
        .fetch_one(connection)
        .await?;
    let what = format!("secret {}", secret.name);
    Err(if known { StoreError::Stale(what) } else { StoreError::Missing(what) })
}

fn read_secret(row: &SqliteRow) -> StoreResult<Secret> {
    Ok(Secret {
        id: row.try_get::<i64, _>(0)?.into(),
        name: row.try_get(1)?,
        department: row.try_get::<Option<i64>, _>(2)?.map(Into::into),
        uses: serde_json::from_str(row.try_get(3)?)?,
        hosts: serde_json::from_str(row.try_get(4)?)?,
        created_at: Timestamp::from_ms(row.try_get(5)?),
        revision: row.try_get(6)?,
    })
}

fn read_value(row: &SqliteRow) -> StoreResult<StoredSecretValue> {
    Ok(StoredSecretValue {
        facts: SecretValueFacts {
            id: row.try_get::<i64, _>(1)?.into(),
            created_at: Timestamp::from_ms(row.try_get(2)?),
            retired_at: row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_ms),
        },
        sealed: row.try_get(4)?,
    })
}
