//! How often somebody may ask: a bucket of tokens for each caller with a limit.
//!
//! A bucket holds one second's requests and fills evenly, so that a burst is no excess and a flood is.
//! (This is the token bucket of RFC 2697 with one rate; the time is the host's, which tests move.)

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::time::Timestamp;

/// What a request takes from a bucket, so that buckets can fill by the millisecond in whole numbers.
const REQUEST: i64 = 1_000;

/// How many buckets there may be before the full ones are forgotten: as many callers as are active at
/// once in a large company.
const BUCKETS_MAX: usize = 10_000;

/// Counts requests of callers that have a limit, by their numbers.
#[derive(Debug, Default)]
pub struct Rates {
    buckets: Mutex<HashMap<i64, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    content: i64,
    size: i64,
    at: Timestamp,
}

/// Too many requests: when the next one would be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Milliseconds until then.
    pub retry_after_ms: i64,
}

impl Rates {
    /// Takes one request of this caller, who may send so many a second.
    pub fn take(&self, caller: i64, per_second: u32, now: Timestamp) -> Result<(), TooMany> {
        let rate = i64::from(per_second.max(1));
        // What is inside is right whatever its holder did.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, bucket| !bucket.is_full(now));
        }
        let size = rate * REQUEST;
        let bucket = buckets.entry(caller).or_insert(Bucket { content: size, size, at: now });
        bucket.size = size;
        bucket.fill(now);
        if bucket.content >= REQUEST {
            bucket.content -= REQUEST;
            return Ok(());
        }
        Err(TooMany { retry_after_ms: (REQUEST - bucket.content + rate - 1) / rate })
    }
}

impl Bucket {
    fn filled(&self, now: Timestamp) -> i64 {
        let passed = (now.as_ms() - self.at.as_ms()).clamp(0, 1_000);
        // A bucket of `n * 1000` for n requests a second fills by n a millisecond.
        (self.content + passed * (self.size / REQUEST)).min(self.size)
    }

    fn fill(&mut self, now: Timestamp) {
        self.content = self.filled(now);
        self.at = now;
    }

    fn is_full(&self, now: Timestamp) -> bool {
        self.filled(now) == self.size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn taken(rates: &Rates, caller: i64, per_second: u32, now: i64) -> usize {
        (0..1_000).take_while(|_| rates.take(caller, per_second, at(now)).is_ok()).count()
    }

    #[test]
    fn a_burst_of_one_second_is_taken_and_the_rest_is_told_when() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 10, 0), 10);
        assert_eq!(rates.take(1, 10, at(0)), Err(TooMany { retry_after_ms: 100 }));
        assert_eq!(rates.take(1, 10, at(99)), Err(TooMany { retry_after_ms: 1 }));
        assert_eq!(rates.take(1, 10, at(100)), Ok(()));
    }

    #[test]
    fn one_caller_takes_nothing_from_another() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 5, 0), 5);
        assert_eq!(taken(&rates, 2, 5, 0), 5);
    }

    #[test]
    fn whoever_waited_long_gets_one_second_and_no_more() {
        let rates = Rates::default();
        taken(&rates, 1, 5, 0);
        assert_eq!(taken(&rates, 1, 5, 3_600_000), 5);
    }

    #[test]
    fn a_changed_limit_counts_at_once() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 100, 0), 100);
        assert_eq!(taken(&rates, 1, 2, 10_000), 2);
        assert_eq!(taken(&rates, 1, 50, 20_000), 50);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let rates = Rates::default();
        assert_eq!(taken(&rates, 1, 5, 10_000), 5);
        assert_eq!(taken(&rates, 1, 5, 9_000), 0);
    }

    #[test]
    fn callers_of_long_ago_are_forgotten() {
        let rates = Rates::default();
        for caller in 0..BUCKETS_MAX as i64 {
            let _ = rates.take(caller, 1, at(0));
        }
        let _ = rates.take(-1, 1, at(10_000));
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }
}
