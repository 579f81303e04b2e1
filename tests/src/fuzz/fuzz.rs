//! Whatever comes from outside, changed at random: nothing of it may end the host, surprise it, or make a
//! bundled plugin fail.
//!
//! Each target goes on for a moment, or for `SWITCHBOARD_FUZZ_SECONDS`. What it tries is drawn from
//! `SWITCHBOARD_FUZZ_SEED` (the same each time unless one is given), and a finding names the seed that
//! makes the same input again. A finding becomes a test of its own beside what it is about.

mod adapters;
mod interface;
mod mutate;
mod settings;
mod upload;

use std::env;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// How many inputs an ordinary run of the tests tries.
const TRIES: u64 = 300;

/// Tries inputs until the time is over. Each is drawn from a generator with a seed of its own, which the
/// target names when it finds something.
pub async fn each_input(mut target: impl AsyncFnMut(u64, Rng)) {
    let first = number("SWITCHBOARD_FUZZ_SEED").unwrap_or(0);
    let until = number("SWITCHBOARD_FUZZ_SECONDS").map(|it| Instant::now() + Duration::from_secs(it));
    let mut seed = first;
    while until.map_or(seed < first + TRIES, |until| Instant::now() < until) {
        target(seed, Rng::with_seed(seed)).await;
        seed += 1;
    }
    println!("seeds {first} to {} found nothing", seed.saturating_sub(1));
}

/// A number that is said from outside.
#[expect(clippy::disallowed_methods, reason = "how long to try is said from outside, for the tests alone")]
pub fn number(variable: &str) -> Option<u64> {
    let given = env::var(variable).ok()?;
    Some(given.parse().unwrap_or_else(|_| panic!("{variable} is no number: {given}")))
}
