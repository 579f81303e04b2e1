//! The policies judge conversations.
//!
//! The unit of work is the conversation: a batch claims the next event of many conversations of one
//! department's inboxes and loads their cases, the executor's threads ask the policies and merge what they
//! say ([`ask`]), and one transaction carries the results out. What a person changed meanwhile is judged again.
//!
//! Each department that waits has one batch under way, and they share the time ([`dispatch`]): one that is
//! flooded, or whose policies take long, costs itself its own latency.
//!
//! What comes in new is judged before it is stored, where that is quick enough ([`at_the_door`]).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::pipeline::Pipeline;
use super::{Flow, FlowError, suspend};
use crate::crash::{self, Point};
use crate::domain::decision::Decision;
use crate::domain::ids::{DepartmentId, EventId};
use crate::domain::merge::NO_ROUTE;
use crate::store::{Claim, RouteCommit};
use crate::telemetry::Telemetry;

pub mod ask;
pub mod at_the_door;
pub mod decide;
mod dispatch;
mod judge;
mod postpone;
mod timer_counts;
mod times;

pub use at_the_door::Door;
pub use dispatch::{route_batch, route_until_idle};
pub use judge::Judges;
pub use timer_counts::TimerCounts;
pub use times::CaseTimes;

use judge::{Batch, Evaluated, Judged};

/// How many conversations one batch judges at most: large enough that the transaction's fixed cost
/// is shared, small enough that the first one does not wait for long.
pub const BATCH_MAX: usize = 256;

/// How long the cases of a batch are evaluated at most, in microseconds on each of the executor's threads: what
/// is decided is carried out soon, and the department's turn ends.
const BATCH_MICROS: u64 = 20_000;

/// What a batch of a department's events came to.
#[derive(Clone, Copy, Debug, Default)]
struct BatchOutcome {
    /// How many were claimed.
    claimed: usize,
    /// How many were evaluated; the others wait.
    evaluated: usize,
    /// How long the evaluation took, in microseconds.
    micros: u64,
}

/// Judges a batch of a department's waiting events, `max` at most.
async fn route_some(
    flow: &Flow,
    pipeline: Arc<Pipeline>,
    department: DepartmentId,
    max: usize,
) -> Result<BatchOutcome, FlowError> {
    let began = Instant::now();
    let cases = flow.store.claim_cases(department, max, pipeline.needs).await?;
    if cases.is_empty() {
        return Ok(BatchOutcome::default());
    }
    flow.telemetry.step("claim_cases", micros(began));
    crash::point(Point::RouteClaimed);
    let claims: Vec<Claim> = cases.iter().map(|it| it.claim.clone()).collect();
    let threads = flow.plugins.executor().threads() as u64;
    let batch = Batch { department, cases, until: None, micros_max: BATCH_MICROS * threads };
    match judge_and_commit(flow, pipeline, batch, &claims).await {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            flow.store.release_claims(&claims).await?;
            Err(error)
        }
    }
}

async fn judge_and_commit(
    flow: &Flow,
    pipeline: Arc<Pipeline>,
    batch: Batch,
    claims: &[Claim],
) -> Result<BatchOutcome, FlowError> {
    let began = Instant::now();
    let Evaluated { judged, micros: used } = flow.door.judges.judge(Arc::clone(&pipeline), batch).await?;
    flow.telemetry.step("judge", micros(began));
    let outcome = BatchOutcome { claimed: claims.len(), evaluated: judged.len(), micros: used };
    release_others(flow, claims, &judged).await?;
    carry_out(flow, judged).await?;
    // What is decided stays decided, whatever comes of this: it is tried again after the next batch.
    if let Err(error) = suspend::suspend_tripped(flow, &pipeline).await {
        tracing::error!(%error, "a policy that failed too often could not be suspended");
    }
    Ok(outcome)
}

/// Gives back what was claimed and not evaluated.
async fn release_others(flow: &Flow, claims: &[Claim], judged: &[Judged]) -> Result<(), FlowError> {
    if judged.len() == claims.len() {
        return Ok(());
    }
    let evaluated: HashSet<EventId> = judged.iter().map(|it| it.routed.claim.event.id).collect();
    let others: Vec<Claim> = claims.iter().filter(|it| !evaluated.contains(&it.event.id)).cloned().collect();
    Ok(flow.store.release_claims(&others).await?)
}

async fn carry_out(flow: &Flow, judged: Vec<Judged>) -> Result<(), FlowError> {
    let routed = postpone::postpone(flow, judged).await?;
    let began = Instant::now();
    let commits = flow.store.commit_routed(&routed).await?;
    flow.telemetry.step("commit_routed", micros(began));
    let mut timers = false;
    for (routed, commit) in routed.iter().zip(commits) {
        if commit == RouteCommit::Committed {
            count(&flow.telemetry, &routed.decision);
            timers |= !routed.timers.set.is_empty();
        }
    }
    if timers {
        flow.wake.timers.notify_one();
    }
    Ok(())
}

fn count(telemetry: &Telemetry, decision: &Decision) {
    let unrouted = decision.outcome.routing.as_ref().is_some_and(|it| it.by.is_none());
    telemetry.decision(decision.conflicts().count() as u64, unrouted, decision.outcome.escalation.is_some());
}

/// Whether a decision fell to the operator because nobody routed the item.
pub fn fell_to_operator(decision: &Decision) -> bool {
    decision.outcome.routing.as_ref().is_some_and(|it| it.by.is_none() && it.why == NO_ROUTE)
}

fn micros(since: Instant) -> u64 {
    since.elapsed().as_micros() as u64
}
