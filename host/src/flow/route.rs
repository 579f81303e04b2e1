//! The policies judge conversations.
//!
//! The unit of work is the conversation: a batch claims the next event of many conversations and loads
//! their cases, the executor's threads ask the policies and merge what they say ([`ask`]), and one
//! transaction carries the results out. What a person changed meanwhile is judged again.
//!
//! What comes in new is judged before it is stored, where that is quick enough ([`at_the_door`]).

use std::sync::Arc;
use std::time::Instant;

use super::pipeline::Pipeline;
use super::{Flow, FlowError, suspend};
use crate::crash::{self, Point};
use crate::domain::decision::Decision;
use crate::domain::merge::NO_ROUTE;
use crate::store::{Claim, ClaimedCase, RouteCommit};
use crate::telemetry::Telemetry;

pub mod ask;
pub mod at_the_door;
pub mod decide;
mod judge;
mod postpone;

pub use at_the_door::Door;
pub use judge::Judges;

/// How many conversations one batch judges at most: large enough that the transaction's fixed cost
/// is shared, small enough that the first one does not wait for long.
pub const BATCH_MAX: usize = 256;

/// Judges a batch of waiting events; how many were found.
pub async fn route_batch(flow: &Flow) -> Result<usize, FlowError> {
    let pipeline = flow.pipeline.load_full();
    if pipeline.generation.is_none() {
        return Ok(0);
    }
    let began = Instant::now();
    let claimed = flow.store.claim_cases(BATCH_MAX, pipeline.needs).await?;
    if claimed.is_empty() {
        // What is judged at the door may have failed too often.
        suspend::suspend_tripped(flow, &pipeline).await?;
        return Ok(0);
    }
    flow.telemetry.step("claim_cases", micros(began));
    crash::point(Point::RouteClaimed);
    let claims: Vec<Claim> = claimed.iter().map(|it| it.claim.clone()).collect();
    match judge_and_commit(flow, pipeline, claimed).await {
        Ok(()) => Ok(claims.len()),
        Err(error) => {
            flow.store.release_claims(&claims).await?;
            Err(error)
        }
    }
}

async fn judge_and_commit(
    flow: &Flow,
    pipeline: Arc<Pipeline>,
    claimed: Vec<ClaimedCase>,
) -> Result<(), FlowError> {
    let began = Instant::now();
    let judged = flow.door.judges.judge(Arc::clone(&pipeline), claimed, None).await?;
    flow.telemetry.step("judge", micros(began));
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
    // What is decided stays decided, whatever comes of this: it is tried again after the next batch.
    if let Err(error) = suspend::suspend_tripped(flow, &pipeline).await {
        tracing::error!(%error, "a policy that failed too often could not be suspended");
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
