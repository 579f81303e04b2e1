//! Policies that set timers.

use super::guest::{CONTENT, Guest, Kind, answering_list};

/// The timers that a policy sets whenever it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Timers {
    /// How many.
    pub count: u32,
    /// How much later than now.
    pub delay_ms: i64,
    /// Whether they are others each time one of them causes the next.
    pub other_keys: bool,
}

/// The bytes of a proposal, and of a key.
const PROPOSAL: u32 = 64;
const KEY: u32 = 3;

/// A policy that sets these timers, for a new item and for each timer that is due.
pub fn setter(name: &str, timers: Timers) -> Guest {
    let Timers { count, delay_ms, other_keys } = timers;
    let keys = CONTENT + count * PROPOSAL;
    // The argument has the event's depth at 32, and the time at 40. A proposal has its kind first; a
    // timer's key at 8, its moment at 16.
    let last = if other_keys { "(i32.load8_u offset=32 (local.get 0))" } else { "(i32.const 0)" };
    let body = format!(
        "(local $index i32)
         (loop $next
            (i64.store offset={} (i32.mul (local.get $index) (i32.const {PROPOSAL}))
                (i64.add (i64.load offset=40 (local.get 0)) (i64.const {delay_ms})))
            (i32.store8 offset={} (i32.mul (local.get $index) (i32.const {KEY}))
                (i32.add (i32.const 97) {last}))
            (local.set $index (i32.add (local.get $index) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $index) (i32.const {count}))))
         {}",
        CONTENT + 16,
        keys + KEY - 1,
        answering_list(CONTENT, count),
    );
    let mut guest = Guest::policy(name, &body).declaring(Kind::Timer);
    for index in 0..count {
        let at = (index * PROPOSAL) as usize;
        guest.put(at, &[Kind::Timer as u8]);
        guest.put(at + 8, &[keys + index * KEY, KEY].map(u32::to_le_bytes).concat());
    }
    for index in 0..count {
        guest.put((count * PROPOSAL + index * KEY) as usize, format!("{index:02}?").as_bytes());
    }
    // New items, and timers that are due.
    guest.asked_about(&[0, 5])
}
