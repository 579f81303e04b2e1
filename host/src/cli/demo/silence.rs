//! Nobody answers the others, and the clock moves on.

use std::collections::BTreeMap;

use super::clock::DemoClock;
use super::explain::{Explained, clock_time};
use super::look::Looker;
use super::report::Moved;
use super::settle::settle;
use crate::domain::clock::Clock;
use crate::domain::decision::Decision;
use crate::flow::Flow;

const MINUTE_MS: i64 = 60_000;

/// To the warning of the chat's promise of an hour, to its breach, and a little further: where every
/// level has fired, nothing fires again.
const STEPS_MINUTES: [i64; 3] = [45, 15, 10];

/// What came of the silence.
pub struct Silence {
    /// Each move of the clock.
    pub moved: Vec<Moved>,
    /// One conversation that was taken from its department, explained.
    pub escalated: Option<Explained>,
}

/// Moves the clock step by step.
pub async fn keep(flow: &Flow, clock: &DemoClock, looker: &Looker<'_>) -> anyhow::Result<Silence> {
    let mut moved = Vec::new();
    let mut escalated = None;
    for minutes in STEPS_MINUTES {
        clock.advance_ms(minutes * MINUTE_MS);
        let settled = settle(flow).await?;
        let mut decisions = looker.decisions().await?;
        decisions.retain(|it| it.at == clock.now());
        moved.push(Moved {
            minutes,
            now: clock_time(clock.now()),
            fired: settled.fired,
            escalated: by_level(&decisions),
        });
        if let (None, Some(taken)) = (&escalated, decisions.iter().find(|it| is_taken_over(it))) {
            escalated = Some(looker.explain("A promise was broken", taken).await?);
        }
    }
    Ok(Silence { moved, escalated })
}

fn by_level(decisions: &[Decision]) -> Vec<(u8, usize)> {
    let mut levels = BTreeMap::new();
    for escalation in decisions.iter().filter_map(|it| it.outcome.escalation.as_ref()) {
        *levels.entry(escalation.level).or_default() += 1;
    }
    levels.into_iter().collect()
}

/// Whether a customer of the outage went to other people.
fn is_taken_over(decision: &Decision) -> bool {
    decision.outcome.escalation.as_ref().is_some_and(|it| it.to.is_some())
        && decision.receipt.conversation.tags.iter().any(|tag| tag == "outage")
}
