//! When an activation has failed too often to go on being called, and for whom.
//!
//! Failures count against the party whose input caused them ([`scopes`]): one sender's items suspend a policy for
//! that sender, several senders' for the inbox, several inboxes' for the department. For the whole company it is
//! suspended when it fails on everything, or for most of what departments sent within a minute. Each suspension
//! is tried again by itself, later each time.
//!
//! **Invariant:** state is bounded, whatever is sent.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

pub mod deliveries;
mod recent;
pub mod scopes;

/// As many failures one after the other are enough.
pub const IN_A_ROW_MAX: u32 = 5;

/// The span over which the share of failures is looked at.
pub const WINDOW_MS: i64 = 60_000;

/// A larger share of failures within the window is too much.
pub const SHARE_PERCENT_MAX: u32 = 20;

/// Fewer calls than this say nothing about a share.
pub const CALLS_MIN: u32 = 20;

/// How finely the window moves on.
const SLICE_MS: i64 = 1_000;

/// What was too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum TooMuch {
    /// It failed that often one after the other.
    InARow {
        /// How often.
        failures: u32,
    },
    /// It failed in too many of its calls within a minute.
    Share {
        /// How often it failed.
        failures: u32,
        /// Out of so many calls.
        calls: u32,
    },
}

impl TooMuch {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::InARow { .. } => "in-a-row",
            Self::Share { .. } => "share",
        }
    }
}

/// Counts an activation's calls and failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    in_a_row: u32,
    slices: VecDeque<Slice>,
}

/// The calls of one slice of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slice {
    number: i64,
    calls: u32,
    failures: u32,
}

impl Breaker {
    /// Counts a call; says if it was one failure too many.
    pub fn count(&mut self, now: Timestamp, failed: bool) -> Option<TooMuch> {
        self.enter(now, failed);
        if !failed {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row += 1;
        self.too_much(now)
    }

    /// What is too much now, if anything is.
    pub fn too_much(&self, now: Timestamp) -> Option<TooMuch> {
        if self.in_a_row >= IN_A_ROW_MAX {
            return Some(TooMuch::InARow { failures: self.in_a_row });
        }
        self.exceeds(SHARE_PERCENT_MAX, now)
    }

    /// A larger share of failures than this within the window, where there are enough calls to say so.
    pub fn exceeds(&self, percent: u32, now: Timestamp) -> Option<TooMuch> {
        let (calls, failures) = self.within_window(now);
        let exceeds = calls >= CALLS_MIN && failures * 100 > calls * percent;
        exceeds.then_some(TooMuch::Share { failures, calls })
    }

    /// Failures since the last call that did not fail.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Calls and failures within the window that ends now.
    pub fn within_window(&self, now: Timestamp) -> (u32, u32) {
        let first = first_slice(now);
        let within = self.slices.iter().filter(|slice| slice.number >= first);
        within.fold((0, 0), |(calls, failures), slice| (calls + slice.calls, failures + slice.failures))
    }

    fn enter(&mut self, now: Timestamp, failed: bool) {
        // A clock that was put back counts on where it was before: slices stay in order.
        let newest = self.slices.back().map_or(i64::MIN, |slice| slice.number);
        let number = slice_of(now).max(newest);
        while self.slices.front().is_some_and(|slice| slice.number < first_slice(now)) {
            self.slices.pop_front();
        }
        match self.slices.back_mut().filter(|slice| slice.number == number) {
            Some(slice) => {
                slice.calls += 1;
                slice.failures += u32::from(failed);
            }
            None => self.slices.push_back(Slice { number, calls: 1, failures: u32::from(failed) }),
        }
    }
}

fn slice_of(now: Timestamp) -> i64 {
    now.as_ms().div_euclid(SLICE_MS)
}

fn first_slice(now: Timestamp) -> i64 {
    slice_of(now) - WINDOW_MS / SLICE_MS + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(1_000_000 + seconds * 1_000)
    }

    /// What came of these calls, all at one time: `x` failed, everything else did not.
    fn counted(breaker: &mut Breaker, seconds: i64, calls: &str) -> Option<TooMuch> {
        calls.chars().map(|call| breaker.count(at(seconds), call == 'x')).last().flatten()
    }

    #[test]
    fn five_in_a_row_are_too_many() {
        let mut breaker = Breaker::default();
        assert_eq!(counted(&mut breaker, 0, "xxxx.xxxx"), None);
        assert_eq!(counted(&mut breaker, 0, "x"), Some(TooMuch::InARow { failures: 5 }));
    }

    #[test]
    fn five_in_a_row_are_too_many_however_slowly_they_come() {
        let mut breaker = Breaker::default();
        let failures = (0..5).map(|it| counted(&mut breaker, it * 100_000, "x")).collect::<Vec<_>>();
        assert_eq!(failures[..4], [None; 4]);
        assert_eq!(failures[4], Some(TooMuch::InARow { failures: 5 }));
    }

    #[test]
    fn more_than_a_fifth_within_a_minute_is_too_much_once_there_are_enough_calls() {
        let mut breaker = Breaker::default();
        // A quarter, but of too few calls to say so.
        assert_eq!(counted(&mut breaker, 0, "...x...x...x...x"), None);
        assert_eq!(counted(&mut breaker, 30, "...x"), Some(TooMuch::Share { failures: 5, calls: 20 }));
    }

    #[test]
    fn a_fifth_is_not_too_much() {
        let mut breaker = Breaker::default();
        for second in 0..60 {
            assert_eq!(counted(&mut breaker, second, "....x"), None);
        }
    }

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let mut breaker = Breaker::default();
        assert_eq!(counted(&mut breaker, 0, "xx.xx.xx."), None);
        assert_eq!(breaker.within_window(at(59)), (9, 6));
        assert_eq!(breaker.within_window(at(60)), (0, 0));
        assert_eq!(counted(&mut breaker, 60, "...................x"), None);
        assert_eq!(breaker.within_window(at(60)), (20, 1));
    }

    #[test]
    fn a_clock_put_back_forgets_nothing_and_breaks_nothing() {
        let mut breaker = Breaker::default();
        assert_eq!(counted(&mut breaker, 3_600, "xx"), None);
        assert_eq!(counted(&mut breaker, 0, "xx"), None);
        assert_eq!(counted(&mut breaker, 0, "x"), Some(TooMuch::InARow { failures: 5 }));
    }
}
