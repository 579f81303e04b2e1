//! How an activation's calls go: counted by whose input they had, and suspended where too many fail.
//!
//! Kept in memory, a version at a time. A suspension for the whole company is written to the repository
//! ([`suspend`](super::suspend)); those for a sender, an inbox or a department begin afresh after a restart.

use std::sync::{Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::activation::Suspension;
use crate::domain::breaker::TooMuch;
use crate::domain::breaker::deliveries::DeliveryBreaker;
use crate::domain::breaker::scopes::{Admission, Breakers, CallEnd, Extent, Origin, Scope, ScopedSuspension};
use crate::domain::decision::FailureRecord;
use crate::domain::ids::{DepartmentId, InboxId};
use crate::domain::time::Timestamp;

/// The calls of one version of an activation.
#[derive(Debug, Default)]
pub struct Health {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// A policy's calls.
    calls: Breakers,
    /// An adapter's.
    deliveries: DeliveryBreaker,
    last_failure: Option<LastFailure>,
    change: Option<HealthChange>,
    /// Whether an adapter's change is being written.
    is_seen: bool,
}

#[derive(Clone, Debug)]
struct LastFailure {
    at: Timestamp,
    failure: FailureRecord,
    department: Option<DepartmentId>,
}

/// What is to be written about an activation as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthChange {
    /// It is suspended.
    Suspend(Tripped),
    /// A call on trial succeeded: it is suspended no more.
    Resume,
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
    /// The last failure; without its text where the item is another department's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<FailureRecord>,
    /// When that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Timestamp>,
}

impl Health {
    /// Of a version that the repository says is suspended.
    pub fn suspended(suspension: &Suspension) -> Self {
        let health = Self::default();
        let Suspension { at, too_much, failure, .. } = suspension;
        health.state().calls.resume_suspension(*at, *too_much, &failure.name);
        health
    }

    /// Whether a policy is called on such an input.
    pub fn admit(&self, now: Timestamp, origin: &Origin) -> Admission {
        self.state().calls.admit(now, origin)
    }

    /// Whether the whole company is without it.
    pub fn is_suspended(&self) -> bool {
        self.state().calls.company_suspension().is_some()
    }

    /// Whether a failure now would be one too many of a version that never succeeded.
    pub fn wants_control(&self) -> bool {
        self.state().calls.wants_control()
    }

    /// Counts a policy's call; the suspensions that begin with it. `detail` is the failure's text.
    pub fn count(&self, end: &CallEnd<'_>, detail: &str, extent: Extent) -> Vec<ScopedSuspension> {
        let mut state = self.state();
        let was_suspended = state.calls.company_suspension().is_some();
        let began = state.calls.count(end, extent);
        if let Some(name) = end.failure {
            let failure = FailureRecord { name: name.to_owned(), detail: detail.to_owned() };
            if let Some(it) = began.iter().find(|it| it.scope == Scope::Company) {
                let (at, too_much, failure) = (end.at, it.too_much, failure.clone());
                state.change = Some(HealthChange::Suspend(Tripped { at, too_much, failure }));
            }
            let department = Some(end.origin.department);
            state.last_failure = Some(LastFailure { at: end.at, failure, department });
        }
        if was_suspended && state.calls.company_suspension().is_none() {
            state.change = Some(HealthChange::Resume);
        }
        began
    }

    /// Counts an adapter's call for an inbox, one of so many that it serves.
    pub fn count_delivery(
        &self,
        at: Timestamp,
        inbox: (InboxId, DepartmentId),
        served: usize,
        failure: Option<&FailureRecord>,
    ) {
        let mut state = self.state();
        let too_much = state.deliveries.count(at, inbox, served, failure.is_some());
        let Some(failure) = failure else { return };
        let department = Some(inbox.1);
        state.last_failure = Some(LastFailure { at, failure: failure.clone(), department });
        if state.change.is_none() {
            let tripped =
                |too_much| HealthChange::Suspend(Tripped { at, too_much, failure: failure.clone() });
            state.change = too_much.map(tripped);
        }
    }

    /// What was one failure too many of an adapter, to the first caller.
    pub fn just_tripped(&self) -> Option<Tripped> {
        let mut state = self.state();
        let Some(HealthChange::Suspend(tripped)) = state.change.clone() else { return None };
        (!std::mem::replace(&mut state.is_seen, true)).then_some(tripped)
    }

    /// What is to be written, if anything is.
    pub fn change(&self) -> Option<HealthChange> {
        self.state().change.clone()
    }

    /// A change was written, or is out of date.
    pub fn written(&self, change: &HealthChange) {
        let mut state = self.state();
        if state.change.as_ref() == Some(change) {
            state.change = None;
        }
    }

    /// Ends every suspension.
    pub fn reset(&self) {
        let mut state = self.state();
        state.calls.reset();
        state.change = None;
    }

    /// For whom it is suspended, the widest scope first.
    pub fn suspensions(&self) -> Vec<ScopedSuspension> {
        self.state().calls.suspensions()
    }

    /// How the calls of the last minute went, for a caller that may see these departments.
    pub fn report(&self, now: Timestamp, may_see: impl Fn(DepartmentId) -> bool) -> HealthReport {
        let state = self.state();
        // Of the two one counts nothing.
        let (of_policy, of_adapter) = (state.calls.company(), state.deliveries.all());
        let ((calls, failures), (read, unread)) =
            (of_policy.within_window(now), of_adapter.within_window(now));
        let last = state.last_failure.clone();
        let shown = |LastFailure { failure, department, .. }: LastFailure| match department {
            Some(department) if !may_see(department) => FailureRecord { detail: String::new(), ..failure },
            _ => failure,
        };
        HealthReport {
            calls: calls + read,
            failures: failures + unread,
            failures_in_a_row: of_policy.in_a_row() + of_adapter.in_a_row(),
            last_failure_at: last.as_ref().map(|it| it.at),
            last_failure: last.map(shown),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic cannot leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
