//! How many timers of policies wait, by the department whose inboxes have their conversations.
//!
//! The repository's numbers as they were read last, and what was set since. What was set and not yet stored when
//! they were read may be missing for a moment.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::DepartmentId;

/// The numbers.
#[derive(Debug, Default)]
pub struct TimerCounts {
    waiting: Mutex<HashMap<DepartmentId, u64>>,
}

impl TimerCounts {
    /// Replaces the numbers by what the repository has.
    pub(super) fn replace(&self, counts: impl IntoIterator<Item = (DepartmentId, u64)>) {
        *self.waiting() = counts.into_iter().collect();
    }

    /// Adds to a department's number as many as `added` says, which is told the number before.
    pub(super) fn add(&self, department: DepartmentId, added: impl FnOnce(u64) -> u64) {
        let mut waiting = self.waiting();
        let count = waiting.entry(department).or_default();
        *count += added(*count);
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<DepartmentId, u64>> {
        // A panic cannot leave it half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
