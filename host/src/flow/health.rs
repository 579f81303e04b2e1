//! How an activation's calls go: counted while it works, and tripped when too many fail.
//!
//! Kept in memory, a version at a time: what a restart forgets is counted again soon. That a version
//! is suspended is kept in the repository; see [`suspend`](super::suspend).

use std::sync::{Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::breaker::{Breaker, TooMuch};
use crate::domain::decision::FailureRecord;
use crate::domain::time::Timestamp;

/// The calls of one version of an activation.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    breaker: Breaker,
    last_failure: Option<(Timestamp, FailureRecord)>,
    tripped: Option<Tripped>,
    /// Whether somebody does something about that.
    seen: bool,
}

/// What was one failure too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tripped {
    /// When.
    pub at: Timestamp,
    /// What was too much.
    pub too_much: TooMuch,
    /// The failure.
    pub failure: FailureRecord,
}

/// How an activation's calls went lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HealthReport {
    /// Calls within the last minute.
    pub calls: u32,
    /// Those of them that failed.
    pub failures: u32,
    /// Failures since the last call that did not fail.
    pub failures_in_a_row: u32,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureRecord>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Timestamp>,
}

impl Health {
    /// Counts a call.
    pub fn count(&self, now: Timestamp, failure: Option<&FailureRecord>) {
        let mut state = self.state();
        let too_much = state.breaker.count(now, failure.is_some());
        let Some(failure) = failure else { return };
        state.last_failure = Some((now, failure.clone()));
        if state.tripped.is_none() {
            state.tripped = too_much.map(|too_much| Tripped { at: now, too_much, failure: failure.clone() });
        }
    }

    /// What was one failure too many, to whoever asks first.
    pub fn just_tripped(&self) -> Option<Tripped> {
        let mut state = self.state();
        if state.seen {
            return None;
        }
        state.seen = state.tripped.is_some();
        state.tripped.clone()
    }

    /// What was one failure too many, if that was.
    pub fn tripped(&self) -> Option<Tripped> {
        self.state().tripped.clone()
    }

    /// Whether it failed too often to be asked again.
    pub fn is_tripped(&self) -> bool {
        self.state().tripped.is_some()
    }

    /// How the calls of the last minute went.
    pub fn report(&self, now: Timestamp) -> HealthReport {
        let state = self.state();
        let (calls, failures) = state.breaker.within_window(now);
        let (last_failure_at, last_failure) = state.last_failure.clone().unzip();
        let failures_in_a_row = state.breaker.in_a_row();
        HealthReport { calls, failures, failures_in_a_row, last_failure, last_failure_at }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
