//! What the repository offers about quotas.

use async_trait::async_trait;

use super::error::StoreResult;
use super::page::AuditEntry;
use crate::domain::quota::{Owner, Quota};

/// How much of a quota its owner has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaUse {
    /// To whom it counts.
    pub owner: Owner,
    /// Of what.
    pub quota: Quota,
    /// How much.
    pub used: u64,
}

/// A quota of one owner changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaChange {
    /// Which one.
    pub quota: Quota,
    /// Its value from now on; absent for the default.
    pub value: Option<u64>,
}

/// Quotas: those that were set stand in the [`Directory`](crate::domain::organisation::Directory).
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Changes quotas of one owner, all or none.
    async fn change_quotas(
        &self,
        owner: Owner,
        changes: &[QuotaChange],
        audit: &AuditEntry,
    ) -> StoreResult<()>;
    /// How much is used of the quotas that count what is kept, by owner; owners without any are absent.
    async fn quota_uses(&self) -> StoreResult<Vec<QuotaUse>>;
}
