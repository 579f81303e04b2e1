//! A clock that is moved by hand first, and runs by itself later.

use std::sync::OnceLock;
use std::time::Instant;

use crate::app::clock::ManualClock;
use crate::domain::clock::Clock;
use crate::domain::time::Timestamp;

/// Stands until it is moved; once let go, it runs on from where it stood.
pub struct DemoClock {
    hand: ManualClock,
    let_go: OnceLock<Instant>,
}

impl DemoClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self { hand: ManualClock::new(start), let_go: OnceLock::new() }
    }

    /// Moves the clock on.
    pub fn advance_ms(&self, ms: i64) {
        self.hand.advance_ms(ms);
    }

    /// Lets the clock run.
    pub fn let_go(&self) {
        self.let_go.get_or_init(Instant::now);
    }
}

impl Clock for DemoClock {
    fn now(&self) -> Timestamp {
        let ran_ms = self.let_go.get().map_or(0, |since| since.elapsed().as_millis());
        self.hand.now().plus_ms(i64::try_from(ran_ms).unwrap_or(i64::MAX))
    }
}
