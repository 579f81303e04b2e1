//! How long a department's cases usually take to be evaluated.
//!
//! Kept in memory: what a restart forgets is known again after a few cases.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::ids::DepartmentId;

/// How much one more measurement counts in what is usual: one part in so many.
const MEMORY: u64 = 4;

/// One measurement counts as no more than so many times what is usual, and this much: on a busy machine another
/// program may have had the processor meanwhile.
const OUTLIER_TIMES: u64 = 4;
const OUTLIER_MICROS: u64 = 1_000;

/// A department whose cases usually take longer is slow. With the bundled policies a case takes a tenth of a
/// millisecond; all the fuel of one policy is eight of them.
pub(super) const SLOW_CASE_MICROS: u64 = 2_500;

/// The usual time of a case, by the department whose inbox it came to.
#[derive(Debug, Default)]
pub struct CaseTimes {
    usual: Mutex<HashMap<DepartmentId, u64>>,
}

impl CaseTimes {
    /// Takes into account that so many cases took so long together.
    pub(super) fn observe(&self, department: DepartmentId, cases: u64, micros: u64) {
        if cases == 0 {
            return;
        }
        let mut usual = self.usual();
        let before = usual.entry(department).or_default();
        let seen = (micros / cases).min(*before * OUTLIER_TIMES + OUTLIER_MICROS);
        *before = (*before * (MEMORY - 1) + seen) / MEMORY;
    }

    /// What a case of the department usually takes, in microseconds; nothing where that is not known.
    pub(super) fn usual_micros(&self, department: DepartmentId) -> u64 {
        self.usual().get(&department).copied().unwrap_or_default()
    }

    /// Whether the department's cases usually take long.
    pub(super) fn is_slow(&self, department: DepartmentId) -> bool {
        self.usual_micros(department) > SLOW_CASE_MICROS
    }

    fn usual(&self) -> MutexGuard<'_, HashMap<DepartmentId, u64>> {
        // A panic cannot leave it half changed.
        self.usual.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: DepartmentId = DepartmentId(1);

    #[test]
    fn one_interrupted_case_makes_no_department_slow() {
        let times = CaseTimes::default();
        (0..100).for_each(|_| times.observe(A, 20, 2_000));
        times.observe(A, 1, 100_000);
        assert!(!times.is_slow(A), "{}", times.usual_micros(A));
    }

    #[test]
    fn a_department_is_slow_after_a_few_slow_cases_and_quick_after_a_few_quick_ones() {
        let times = CaseTimes::default();
        let until = |is_slow: bool, micros: u64| {
            (1..100).find(|_| {
                times.observe(A, 1, micros);
                times.is_slow(A) == is_slow
            })
        };
        assert!(until(true, 8_000).is_some_and(|cases| cases < 10));
        assert!(until(false, 100).is_some_and(|cases| cases < 10));
        assert!(!times.is_slow(DepartmentId(2)), "others are not concerned");
    }
}
