//! A clock that tests move, and that can be wrong once.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use switchboard::app::clock::ManualClock;
use switchboard::domain::clock::Clock;
use switchboard::domain::time::Timestamp;

/// Stands still until it is moved.
pub struct TestClock {
    manual: ManualClock,
    is_broken: AtomicBool,
}

impl TestClock {
    pub fn new(start: Timestamp) -> Self {
        Self { manual: ManualClock::new(start), is_broken: AtomicBool::new(false) }
    }

    /// Whoever asks for the time next panics, as by a mistake of ours.
    pub fn panic_once(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
    }
}

impl Deref for TestClock {
    type Target = ManualClock;

    fn deref(&self) -> &ManualClock {
        &self.manual
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        assert!(!self.is_broken.swap(false, Ordering::SeqCst), "a mistake of ours");
        self.manual.now()
    }
}
