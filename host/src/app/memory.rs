//! Gives memory back to the system after a storm.
//!
//! The C library keeps what was freed, in an arena a thread and between blocks that are still in use, for the
//! storms to come. Once a large block was freed, it takes the next ones of that size from its arenas too: a few
//! threads that made large responses kept hundreds of megabytes. So large blocks always come from the system
//! and go back at once ([`keep_little_free`]). For the rest, a worker looks at the size of the process; when
//! that has grown and grows no more, it has the C library return what is free.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// How often the size is looked at. A storm's memory is back within two looks.
const LOOK: Duration = Duration::from_secs(2);

/// Growth that is worth it: a tenth of an ordinary host. Looking through the arenas takes milliseconds.
const GROWTH_BYTES: u64 = 32 * 1024 * 1024;

/// Growth that no ordinary load has: more than the repository's caches.
const MUCH_BYTES: u64 = 90 * 1024 * 1024;

/// Looks to leave out after one that gave little back: a process that is large because of what it holds is
/// looked through six times a minute.
const LOOKS_LEFT_OUT: u32 = 4;

/// When to give memory back.
#[derive(Debug, Default)]
struct Trimming {
    /// The smallest size there was.
    floor: Option<u64>,
    /// The size at the last look.
    last: u64,
    /// How many looks are to be left out.
    left_out: u32,
}

impl Trimming {
    /// Whether to give back now, at a size of so many bytes.
    fn is_due(&mut self, bytes: u64) -> bool {
        let floor = self.floor.map_or(bytes, |it| it.min(bytes));
        self.floor = Some(floor);
        // While it grows, what is free is about to be used.
        let grows = bytes > self.last.saturating_add(GROWTH_BYTES / 4);
        self.last = bytes;
        let is_left_out = self.left_out > 0;
        self.left_out = self.left_out.saturating_sub(1);
        !grows && !is_left_out && bytes > floor.saturating_add(GROWTH_BYTES)
    }

    /// Whether so much is left that the repository's cache has to go too: it is full of what the storm wrote.
    fn keeps_much(&self, bytes: u64) -> bool {
        self.floor.is_some_and(|floor| bytes > floor.saturating_add(MUCH_BYTES))
    }

    /// Giving back made it so much smaller. What a storm still held at that moment may be free at the next look.
    fn note(&mut self, before: u64, after: u64) {
        self.last = after;
        if before.saturating_sub(after) < GROWTH_BYTES / 4 {
            self.left_out = LOOKS_LEFT_OUT;
        }
    }
}

/// Looks now and then until it is stopped.
pub async fn give_back_free(store: Arc<dyn Store>, stop: CancellationToken) {
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
        let mut trimmed = tokio::task::spawn_blocking(trim).await;
        if resident_bytes().is_some_and(|it| trimming.keeps_much(it)) {
            if let Err(error) = store.give_back_cache().await {
                tracing::debug!(%error, "the repository's cache could not be given back");
            }
            trimmed = tokio::task::spawn_blocking(trim).await;
        }
        let after = resident_bytes().unwrap_or(before);
        trimming.note(before, after);
        tracing::debug!(before, after, ok = trimmed.is_ok(), "free memory was given back");
    }
}

/// What of this process is in memory (proc(5), `statm`); `None` where the system does not say.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Blocks from this size come from the system, one by one, and go back when they are freed. What the host does
/// with that many bytes takes far longer than that.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK_BYTES: libc::c_int = 1024 * 1024;

/// What may be free at the end of an arena.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_END_BYTES: libc::c_int = 1024 * 1024;

/// Has the C library keep little of what is freed, from now on: to be called when the process begins.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "the C library offers it in no other way")]
pub fn keep_little_free() {
    // SAFETY: mallopt(3) takes no pointer. It says whether it knows the parameter, and changes nothing if not.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_END_BYTES);
    }
}

/// Other libraries do so by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_little_free() {}

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
        trimming.note(890 * MIB, 220 * MIB);
        assert!(!trimming.is_due(230 * MIB), "ordinary growth");
    }

    #[test]
    fn cache_goes_only_where_much_is_left() {
        let mut trimming = Trimming::default();
        assert!(!trimming.is_due(100 * MIB));
        assert!(!trimming.keeps_much(190 * MIB) && trimming.keeps_much(191 * MIB));
    }

    #[test]
    fn memory_that_a_storm_held_at_the_first_look_is_given_back_at_a_later_one() {
        let mut trimming = Trimming::default();
        assert!(!trimming.is_due(100 * MIB));
        assert!(!trimming.is_due(500 * MIB));
        assert!(trimming.is_due(500 * MIB));
        trimming.note(500 * MIB, 499 * MIB);
        let due = (0..=LOOKS_LEFT_OUT).filter(|_| trimming.is_due(490 * MIB)).count();
        assert_eq!(due, 1, "it is looked through again, and not at every look");
        trimming.note(490 * MIB, 300 * MIB);
        assert!(trimming.is_due(300 * MIB), "there was much, so there may be more");
    }
}
