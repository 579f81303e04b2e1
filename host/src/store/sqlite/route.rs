//! Routing: claims, cases, and the commit of what was decided.

mod case;
pub(super) mod claim;
mod commit;
mod wait;

pub(super) use self::commit::BYTES_AT_ONCE;
use async_trait::async_trait;

use super::{SqliteStore, timers};
use crate::domain::ids::DepartmentId;
use crate::domain::time::Timestamp;
use crate::store::{CaseNeeds, Claim, ClaimedCase, Postponed, RouteCommit, RouteStore, Routed, StoreResult};

#[async_trait]
impl RouteStore for SqliteStore {
    async fn waiting_departments(&self) -> StoreResult<Vec<DepartmentId>> {
        claim::departments(self).await
    }

    async fn claim_cases(
        &self,
        department: DepartmentId,
        max: usize,
        needs: CaseNeeds,
    ) -> StoreResult<Vec<ClaimedCase>> {
        claim::claim(self, department, max, needs).await
    }

    async fn commit_routed(&self, routed: &[Routed]) -> StoreResult<Vec<RouteCommit>> {
        commit::commit(self, routed).await
    }

    async fn release_claims(&self, claims: &[Claim]) -> StoreResult<()> {
        claim::Held::new(self, claims.iter().map(|it| (it.conversation, it.fence)).collect()).end().await;
        Ok(())
    }

    async fn postpone(&self, claims: &[Claim], now: Timestamp) -> StoreResult<Vec<Postponed>> {
        wait::postpone(self, claims, now).await
    }

    async fn end_waits(&self, now: Timestamp) -> StoreResult<usize> {
        wait::end(self, now).await
    }

    async fn pending_events(&self) -> StoreResult<u64> {
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut *self.reader().await?).await?;
        Ok(count.unsigned_abs())
    }

    async fn fire_timers(&self, now: Timestamp, max: usize) -> StoreResult<usize> {
        timers::fire(self, now, max).await
    }

    async fn timers_are_due(&self, now: Timestamp) -> StoreResult<bool> {
        timers::are_due(self, now).await
    }

    async fn waiting_timers(&self) -> StoreResult<Vec<(DepartmentId, u64)>> {
        timers::waiting(self).await
    }

    async fn next_timer(&self) -> StoreResult<Option<Timestamp>> {
        let next = [timers::next(self).await?, wait::next(self).await?];
        Ok(next.into_iter().flatten().min())
    }
}
