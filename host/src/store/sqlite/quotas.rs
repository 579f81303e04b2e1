//! Quotas: those that were set, and how much is used.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection};

use super::words::{case, word};
use super::{SqliteStore, audit};
use crate::domain::ids::DepartmentId;
use crate::domain::quota::{Owner, Quota, Quotas};
use crate::store::{AuditEntry, QuotaChange, QuotaStore, QuotaUse, StoreResult};

/// The owner's number of the company: no department has it.
const COMPANY: i64 = 0;

/// What is counted for each owner. Each statement gives owners (absent for the company) and how much.
const USES: [(Quota, &str); 13] = [
    (Quota::Activations, "SELECT owner, count(*) FROM activations GROUP BY owner"),
    (Quota::WaitingPreparations, "SELECT owner, sum(is_preparing) FROM activations GROUP BY owner"),
    (Quota::Releases, "SELECT owner, count(kept_bytes) FROM releases GROUP BY owner"),
    (Quota::ReleaseBytes, "SELECT owner, ifnull(sum(kept_bytes), 0) FROM releases GROUP BY owner"),
    (Quota::ArtefactBytes, "SELECT owner, sum(bytes) FROM artefact_files GROUP BY owner"),
    (Quota::WaitingTimers, "SELECT department, policies FROM timer_counts"),
    (Quota::Inboxes, "SELECT department, count(*) FROM inboxes GROUP BY department"),
    (Quota::Queues, "SELECT department, count(*) FROM queues GROUP BY department"),
    (Quota::Agents, "SELECT department, count(*) FROM agents GROUP BY department"),
    (Quota::Tokens, "SELECT department, count(*) FROM tokens WHERE revoked_at IS NULL GROUP BY department"),
    (Quota::Secrets, "SELECT department, count(*) FROM secrets GROUP BY department"),
    (Quota::SigningKeys, "SELECT department, count(*) FROM signing_keys GROUP BY department"),
    (
        Quota::SettingBytes,
        "SELECT owner, sum(bytes)
         FROM (
             SELECT department AS owner, octet_length(settings) AS bytes FROM inboxes
             UNION ALL
             SELECT owner, octet_length(content) FROM activations
         )
         GROUP BY owner",
    ),
];

#[async_trait]
impl QuotaStore for SqliteStore {
    async fn change_quotas(
        &self,
        owner: Owner,
        changes: &[QuotaChange],
        audit: &AuditEntry,
    ) -> StoreResult<()> {
        let mut writer = self.writer.lock().await;
        let mut tx = writer.begin().await?;
        for QuotaChange { quota, value } in changes {
            change(owner, *quota, *value, &mut tx).await?;
        }
        audit::record(audit, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn quota_uses(&self) -> StoreResult<Vec<QuotaUse>> {
        let mut reader = self.reader().await?;
        let mut uses = Vec::new();
        for (quota, sql) in USES {
            for row in sqlx::query(sql).fetch_all(&mut *reader).await? {
                let owner = row.try_get::<Option<i64>, _>(0)?.map(DepartmentId);
                uses.push(QuotaUse { owner, quota, used: unsigned(row.try_get(1)?) });
            }
        }
        Ok(uses)
    }
}

/// How much is used, in a transaction that is about to add to it: see [`Before::check`].
pub(super) async fn before(
    owner: Owner,
    quota: Quota,
    connection: &mut SqliteConnection,
) -> StoreResult<Before> {
    Ok(Before { owner, quota, used: used(owner, quota, connection).await? })
}

/// How much of a quota was used before something was written.
#[must_use = "what was added is to be checked"]
pub(super) struct Before {
    owner: Owner,
    quota: Quota,
    used: u64,
}

impl Before {
    /// Fails if what was written since makes it more than the quota.
    pub(super) async fn check(self, connection: &mut SqliteConnection) -> StoreResult<()> {
        let Self { owner, quota, used: before } = self;
        let added = used(owner, quota, connection).await?.saturating_sub(before);
        Ok(set(connection).await?.limit(owner, quota).check(before, added)?)
    }
}

/// How much the owner has; nothing of what is not counted here.
async fn used(owner: Owner, quota: Quota, connection: &mut SqliteConnection) -> StoreResult<u64> {
    let Some((_, uses)) = USES.iter().find(|it| it.0 == quota) else { return Ok(0) };
    let sql = format!("WITH uses (owner, used) AS ({uses}) SELECT used FROM uses WHERE owner IS ?");
    let used: Option<i64> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(owner.map(|it| it.0)).fetch_optional(connection).await?;
    Ok(unsigned(used.unwrap_or_default()))
}

async fn change(
    owner: Owner,
    quota: Quota,
    value: Option<u64>,
    connection: &mut SqliteConnection,
) -> StoreResult<()> {
    let owner = owner.map_or(COMPANY, |it| it.0);
    let Some(value) = value else {
        sqlx::query("DELETE FROM quotas WHERE owner = ? AND quota = ?")
            .bind(owner)
            .bind(word(&quota)?)
            .execute(connection)
            .await?;
        return Ok(());
    };
    sqlx::query(
        "INSERT INTO quotas (owner, quota, value) VALUES (?, ?, ?)
         ON CONFLICT (owner, quota) DO UPDATE SET value = excluded.value",
    )
    .bind(owner)
    .bind(word(&quota)?)
    .bind(i64::try_from(value).unwrap_or(i64::MAX))
    .execute(connection)
    .await?;
    Ok(())
}

/// The quotas that were set.
pub(super) async fn set(connection: &mut SqliteConnection) -> StoreResult<Quotas> {
    let rows = sqlx::query("SELECT owner, quota, value FROM quotas").fetch_all(connection).await?;
    let mut set = Vec::with_capacity(rows.len());
    for row in &rows {
        let owner = Some(row.try_get(0)?).filter(|it| *it != COMPANY).map(DepartmentId);
        set.push((owner, case(row.try_get(1)?)?, unsigned(row.try_get(2)?)));
    }
    Ok(Quotas::new(set))
}

/// Counts and sums are never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
