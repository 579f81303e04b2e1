//! Failures of an adapter, counted by inbox.
//!
//! What an adapter fails on has no known sender yet, and it is called all the same: without it nothing would be
//! read. Its failures only bring an earlier version back, so one inbox's must not do that to the others.

use super::recent::Recent;
use super::scopes::SPREAD_MIN;
use super::{Breaker, IN_A_ROW_MAX, TooMuch};
use crate::domain::ids::{DepartmentId, InboxId};
use crate::domain::time::Timestamp;

/// How many inboxes of one department are remembered for one adapter.
const INBOXES_MAX: usize = 256;

/// Counts one adapter's calls.
#[derive(Clone, Debug)]
pub struct DeliveryBreaker {
    all: Breaker,
    inboxes: Recent<InboxId, Breaker>,
    has_succeeded: bool,
}

impl Default for DeliveryBreaker {
    fn default() -> Self {
        Self { all: Breaker::default(), inboxes: Recent::new(INBOXES_MAX), has_succeeded: false }
    }
}

impl DeliveryBreaker {
    /// All calls together.
    pub fn all(&self) -> &Breaker {
        &self.all
    }

    /// Counts a call for a department's inbox, one of `served` that the adapter reads for; says if it was one failure too
    /// many of this version.
    ///
    /// With several inboxes, those of two must fail too often, or one call of each where no call ever succeeded.
    pub fn count(
        &mut self,
        at: Timestamp,
        (inbox, department): (InboxId, DepartmentId),
        served: usize,
        failed: bool,
    ) -> Option<TooMuch> {
        let too_much = self.all.count(at, failed);
        // None is held, so that each finds a place.
        let here = self.inboxes.entry((department, inbox), |_| true).and_then(|it| it.count(at, failed));
        if !failed {
            self.has_succeeded = true;
            return None;
        }
        if served < SPREAD_MIN {
            return too_much;
        }
        // It is looked no further once there are enough.
        let is_spread = |is_bad: &dyn Fn(&Breaker) -> bool| {
            self.inboxes.values().filter(|it| is_bad(it)).take(SPREAD_MIN).count() >= SPREAD_MIN
        };
        let never_succeeded = !self.has_succeeded && self.all.in_a_row() >= IN_A_ROW_MAX;
        if never_succeeded && is_spread(&|it| it.in_a_row() > 0) {
            return too_much;
        }
        here.filter(|_| is_spread(&|it| it.too_much(at).is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came of failures (or, in capitals, successes) for inboxes `a` and `b`, of an adapter for so many.
    fn counted(served: usize, calls: &str) -> Vec<bool> {
        let mut breaker = DeliveryBreaker::default();
        let count = |call: char| {
            let inbox = InboxId(i64::from(u32::from(call.to_ascii_lowercase())));
            breaker
                .count(Timestamp::from_ms(1_000), (inbox, DepartmentId(1)), served, call.is_ascii_lowercase())
                .is_some()
        };
        calls.chars().map(count).collect()
    }

    fn trips(served: usize, calls: &str) -> bool {
        counted(served, calls).contains(&true)
    }

    #[test]
    fn one_inbox_of_several_never_suspends_an_adapter() {
        assert!(!trips(2, "Baaaaaaaaaaaaaaaaaaaaaaaa"));
        assert!(!trips(2, "aaaaaaaaaaaaaaa"));
    }

    #[test]
    fn failures_of_two_inboxes_suspend_an_adapter() {
        assert!(trips(2, "Baaaaabbbbb"));
        assert!(trips(2, "aaaab"), "it never succeeded");
    }

    #[test]
    fn only_inbox_suspends_its_adapter() {
        assert!(!trips(1, "Aaaaa") && trips(1, "Aaaaaa"));
    }
}
