//! Gives memory back to the system after a storm.
//!
//! The C library keeps what was freed, in an arena a thread and between blocks that are still in use, for the
//! storms to come: hundreds of megabytes after one. A worker looks at the size of the process; when that has
//! grown and grows no more, it has the C library return what is free.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// How often the size is looked at. A storm's memory is back within two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Growth that is worth it: a tenth of an ordinary host. Looking through the arenas takes milliseconds.
const GROWTH_BYTES: u64 = 32 * 1024 * 1024;

/// When to give memory back.
#[derive(Debug, Default)]
struct Trimming {
    /// The smallest size since memory was given back last.
    floor: Option<u64>,
    /// The size at the last look.
    last: u64,
}

impl Trimming {
    /// Whether to give back now, at a size of so many bytes.
    fn is_due(&mut self, bytes: u64) -> bool {
        let floor = *self.floor.get_or_insert(bytes);
        self.floor = Some(floor.min(bytes));
        // While it grows, what is free is about to be used.
        let grows = bytes > self.last.saturating_add(GROWTH_BYTES / 4);
        self.last = bytes;
        !grows && bytes > floor.saturating_add(GROWTH_BYTES)
    }

    /// So many bytes were left after giving back.
    fn note_rest(&mut self, bytes: u64) {
        (self.floor, self.last) = (Some(bytes), bytes);
    }
}

/// Looks now and then until it is stopped.
pub async fn give_back_free(stop: CancellationToken) {
    let mut trimming = Trimming::default();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        let Some(before) = resident_bytes() else { return };
        if !trimming.is_due(before) {
            continue;
        }
        let trimmed = tokio::task::spawn_blocking(trim).await;
        let after = resident_bytes().unwrap_or(before);
        trimming.note_rest(after);
        tracing::debug!(before, after, ok = trimmed.is_ok(), "free memory was given back");
    }
}

/// What of this process is in memory (proc(5), `statm`); `None` where the system does not say.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Has the C library return what is free.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library offers it in no other way")]
fn trim() {
    // SAFETY: malloc_trim(3) takes no pointer, may be called at any time by any thread, and touches only
    // memory that no one holds; it takes the locks that malloc takes.
    let _ = unsafe { libc::malloc_trim(0) };
}

/// Other libraries give back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    #[test]
    fn memory_is_given_back_when_a_storm_is_over_and_once() {
        let mut trimming = Trimming::default();
        let sizes = [200, 210, 400, 900, 900, 890];
        let due: Vec<bool> = sizes.iter().map(|it| trimming.is_due(it * MIB)).collect();
        assert_eq!(due, [false, false, false, false, true, true]);
        trimming.note_rest(220 * MIB);
        assert!(!trimming.is_due(240 * MIB), "ordinary growth");
    }

    #[test]
    fn a_process_that_stays_large_is_not_trimmed_again_and_again() {
        let mut trimming = Trimming::default();
        assert!(!trimming.is_due(100 * MIB));
        assert!(!trimming.is_due(500 * MIB));
        assert!(trimming.is_due(500 * MIB));
        trimming.note_rest(490 * MIB);
        assert!((0..10).all(|_| !trimming.is_due(500 * MIB)));
    }
}
