//! What a test wants of the process: where it dies, and what it does wrong.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use rustix::process::{Signal, getpid, kill_process};

use super::Point;

/// One process, one end: a point has nothing at hand that could carry this.
static AIM: OnceLock<Aim> = OnceLock::new();

/// Flags for tests.
#[derive(Args, Clone, Debug, Default)]
pub struct CrashArgs {
    /// Die at this point, as `POINT` or, at the N-th time, `POINT:N`
    #[arg(long, hide = true, value_parser = target)]
    crash_at: Option<Target>,
    /// Panic at this point
    #[arg(long, hide = true, value_parser = target)]
    panic_at: Option<Target>,
    /// Stand still at this point for good, with the thread that comes there
    #[arg(long, hide = true, value_parser = target)]
    stall_at: Option<Target>,
    /// Carry the write-ahead log over when it has so many pages
    #[arg(long, hide = true)]
    checkpoint_pages: Option<u32>,
    /// Wait so long for the inspection of the repository
    #[arg(long, hide = true)]
    inspection_patience_ms: Option<u64>,
    /// The faults.
    #[command(flatten)]
    faults: Faults,
}

/// Faults on purpose.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// Answer deliveries before they are stored
    #[arg(long, hide = true)]
    pub(super) answer_before_commit: bool,
    /// Let commits wait for no disk
    #[arg(long, hide = true)]
    pub(super) no_sync: bool,
}

/// A point, and at which passage.
#[derive(Clone, Copy, Debug)]
struct Target {
    point: Point,
    passage: usize,
}

struct Aim {
    args: CrashArgs,
    passed: AtomicUsize,
}

fn target(given: &str) -> Result<Target, String> {
    let (name, passage) = given.split_once(':').unwrap_or((given, "1"));
    let passage = passage.parse().map_err(|error| format!("`{passage}`: {error}"))?;
    Ok(Target { point: Point::from_str(name, false)?, passage })
}

impl CrashArgs {
    /// From now on.
    pub fn arm(self) {
        let _ = AIM.set(Aim { args: self, passed: AtomicUsize::new(0) });
    }
}

/// Dies, panics or stands still, if this is the point and the time.
pub(super) fn pass(here: Point) {
    let Some(aim) = AIM.get() else { return };
    let CrashArgs { crash_at, panic_at, stall_at, .. } = &aim.args;
    let mut aims = [(crash_at, die as fn()), (panic_at, panic), (stall_at, stall)].into_iter();
    let is_here = |aim: &(&Option<Target>, fn())| aim.0.is_some_and(|it| it.point == here);
    let Some((Some(target), end)) = aims.find(is_here) else { return };
    if aim.passed.fetch_add(1, Ordering::Relaxed) + 1 == target.passage {
        end();
    }
}

/// No farewell: nothing is flushed, closed or unlocked but by the system.
fn die() {
    let _ = kill_process(getpid(), Signal::KILL);
}

fn panic() {
    panic!("a test wants it");
}

fn stall() {
    loop {
        std::thread::park();
    }
}

/// How large the write-ahead log grows.
pub(super) fn checkpoint_pages() -> Option<u32> {
    AIM.get()?.args.checkpoint_pages
}

/// How long a start waits.
pub(super) fn inspection_patience() -> Option<Duration> {
    AIM.get()?.args.inspection_patience_ms.map(Duration::from_millis)
}

/// What is done wrong.
pub(super) fn faults() -> Faults {
    AIM.get().map(|it| it.args.faults).unwrap_or_default()
}
