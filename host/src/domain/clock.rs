//! The two things a rule may not find out for itself: the time, and a number nobody used before.

use std::sync::Mutex;

use super::time::Timestamp;

/// Tells the time. The real one lives in `app`; tests and demonstrations move theirs by hand.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Makes identifiers: 42 bits of milliseconds, 8 bits of host, 13 bits of sequence.
///
/// 42 bits of milliseconds last until the year 2109. A host that needs more than 8,192 ids in one
/// millisecond borrows from the next one, so that numbers always grow.
#[derive(Debug)]
pub struct IdGenerator {
    host: u8,
    last: Mutex<i64>,
}

const SEQUENCE_BITS: u32 = 13;
const HOST_BITS: u32 = 8;

impl IdGenerator {
    /// A generator of the host with this number; no two hosts of one repository share one.
    pub fn new(host: u8) -> Self {
        Self { host, last: Mutex::new(0) }
    }

    /// A number larger than every earlier one, of the kind asked for.
    pub fn next<Id: From<i64>>(&self, now: Timestamp) -> Id {
        let mut last = match self.last.lock() {
            Ok(last) => last,
            // The number inside is valid whatever its holder did.
            Err(poisoned) => poisoned.into_inner(),
        };
        // Time and sequence are counted together above the host's bits, so that one increment
        // carries from the sequence into the time.
        let at_least = now.as_ms() << SEQUENCE_BITS;
        let count = at_least.max(*last + 1);
        *last = count;
        let time = count >> SEQUENCE_BITS;
        let sequence = count & ((1 << SEQUENCE_BITS) - 1);
        Id::from((time << (HOST_BITS + SEQUENCE_BITS)) | (i64::from(self.host) << SEQUENCE_BITS) | sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::ItemId;

    #[test]
    fn ids_grow_even_when_the_clock_stands_or_goes_back() {
        let ids = IdGenerator::new(3);
        let mut last = ItemId(0);
        for ms in (0..20_000).map(|_| 1_800_000_000_000).chain([1_700_000_000_000]) {
            let next: ItemId = ids.next(Timestamp::from_ms(ms));
            assert!(next > last);
            last = next;
        }
    }

    #[test]
    fn hosts_never_make_the_same_id() {
        let now = Timestamp::from_ms(1_800_000_000_000);
        let one: ItemId = IdGenerator::new(1).next(now);
        let two: ItemId = IdGenerator::new(2).next(now);
        assert_ne!(one, two);
    }
}
