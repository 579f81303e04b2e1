//! Tokens, of which the digests are kept.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::error::Explain;
use super::words::{case, word};
use super::{SqliteStore, audit, quotas};
use crate::domain::ids::TokenId;
use crate::domain::quota::Quota;
use crate::domain::time::Timestamp;
use crate::domain::token::Token;
use crate::store::{AuditEntry, StoreError, StoreResult};

pub(super) async fn all(store: &SqliteStore) -> StoreResult<Vec<Token>> {
    let rows = sqlx::query(
        "SELECT id, title, role, department, agent, allowance, sha256, created_at, expires_at, revoked_at
         FROM tokens
         ORDER BY id",
    )
    .fetch_all(&mut *store.renewing_reader().await?)
    .await?;
    rows.iter().map(read).collect()
}

pub(super) async fn add(store: &SqliteStore, token: &Token, audit: &AuditEntry) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    refuse_revoked_maker(audit, &mut tx).await?;
    let before = quotas::before(token.department, Quota::Tokens, &mut tx).await?;
    let done = sqlx::query(
        "INSERT INTO tokens (
             id, title, role, department, agent, allowance, sha256, created_at, expires_at, revoked_at
         )
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(token.id.0)
    .bind(&token.title)
    .bind(word(&token.role)?)
    .bind(token.department.map(|it| it.0))
    .bind(token.agent.map(|it| it.0))
    .bind(serde_json::to_string(&token.allowance)?)
    .bind(&token.sha256)
    .bind(token.created_at.as_ms())
    .bind(token.expires_at.map(Timestamp::as_ms))
    .bind(token.revoked_at.map(Timestamp::as_ms))
    .execute(&mut *tx)
    .await;
    done.map(drop)
        .map_err(StoreError::from)
        .or_taken(|| format!("token {}", token.id))
        .or_missing(|| "department or agent of the token".to_owned())?;
    before.check(&mut tx).await?;
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

/// A token that is revoked while its bearer makes another one makes none: else a thief would keep the new one.
async fn refuse_revoked_maker(audit: &AuditEntry, connection: &mut SqliteConnection) -> StoreResult<()> {
    let Some(maker) = audit.principal.token else { return Ok(()) };
    let is_revoked: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ? AND revoked_at IS NOT NULL)")
            .bind(maker.0)
            .fetch_one(connection)
            .await?;
    match is_revoked {
        true => Err(StoreError::Stale(format!("token {maker}"))),
        false => Ok(()),
    }
}

pub(super) async fn revoke(
    store: &SqliteStore,
    id: TokenId,
    at: Timestamp,
    audit: &AuditEntry,
) -> StoreResult<()> {
    let mut writer = store.writer.lock().await;
    let mut tx = writer.begin().await?;
    let done = sqlx::query("UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
        .bind(at.as_ms())
        .bind(id.0)
        .execute(&mut *tx)
        .await?;
    if done.rows_affected() == 0 {
        let known: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM tokens WHERE id = ?)")
            .bind(id.0)
            .fetch_one(&mut *tx)
            .await?;
        let what = format!("token {id}");
        return Err(if known { StoreError::Stale(what) } else { StoreError::Missing(what) });
    }
    audit::record(audit, &mut tx).await?;
    Ok(tx.commit().await?)
}

fn read(row: &SqliteRow) -> StoreResult<Token> {
    let moment = |ms: Option<i64>| ms.map(Timestamp::from_ms);
    Ok(Token {
        id: row.try_get::<i64, _>(0)?.into(),
        title: row.try_get(1)?,
        role: case(row.try_get(2)?)?,
        department: row.try_get::<Option<i64>, _>(3)?.map(Into::into),
        agent: row.try_get::<Option<i64>, _>(4)?.map(Into::into),
        allowance: serde_json::from_str(row.try_get(5)?)?,
        sha256: row.try_get(6)?,
        created_at: Timestamp::from_ms(row.try_get(7)?),
        expires_at: moment(row.try_get(8)?),
        revoked_at: moment(row.try_get(9)?),
    })
}
