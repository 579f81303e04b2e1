//! Whether the host's own workers are well: which of them ended, stands still or fails.
//!
//! Workers report to it (`worker`, and [`ingest`](super::ingest)'s commit loop); `/readyz` asks it. A worker
//! that fails tries again by itself, and one that ended ends the host: this is for those outside to see.
//!
//! **Invariant:** nothing here waits for a worker, so it can be asked while all of them stand still.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Has waiting events evaluated.
pub const ROUTING: &str = "routing";
/// Stores read deliveries.
pub const STORING: &str = "storing deliveries";
/// Sends replies.
pub const SENDING: &str = "sending replies";
/// Deletes what is too old.
pub const PURGING: &str = "purging";

/// How long one step of a worker may take. The longest that is in order is a batch of 256 cases for which every
/// policy uses all of its time: some minutes.
const STEP_MAX: Duration = Duration::from_secs(600);

/// What is known of the workers.
#[derive(Debug, Default)]
pub struct Liveness {
    workers: Mutex<BTreeMap<&'static str, Worker>>,
    /// The first worker that ended before it should, and how.
    ended: OnceLock<String>,
}

#[derive(Debug, Default)]
struct Worker {
    /// Since when it has been taking its present step; absent while it rests.
    busy_since: Option<Instant>,
    /// Why its last step failed, if that did.
    failure: Option<String>,
}

/// A step of a worker, until this goes.
#[derive(Debug)]
pub struct Step<'a> {
    liveness: &'a Liveness,
    worker: &'static str,
}

impl Liveness {
    /// A worker takes a step.
    pub fn step(&self, worker: &'static str) -> Step<'_> {
        self.workers().entry(worker).or_default().busy_since = Some(Instant::now());
        Step { liveness: self, worker }
    }

    /// A worker got on within its step, which may be a long one.
    pub fn moved(&self, worker: &'static str) {
        if let Some(worker) = self.workers().get_mut(worker)
            && worker.busy_since.is_some()
        {
            worker.busy_since = Some(Instant::now());
        }
    }

    /// A worker's step ended so.
    pub fn stepped<T, E: std::fmt::Display>(&self, worker: &'static str, step: &Result<T, E>) {
        let failure = step.as_ref().err().map(ToString::to_string);
        self.workers().entry(worker).or_default().failure = failure;
    }

    /// A worker ended before it should.
    pub fn end(&self, worker: &str, how: &str) {
        self.ended.get_or_init(|| format!("{worker} {how}"));
    }

    /// Which worker ended first before it should, and how, if one did.
    pub fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }

    /// Whether this worker's last step failed.
    pub fn is_failing(&self, worker: &str) -> bool {
        self.workers().get(worker).is_some_and(|it| it.failure.is_some())
    }

    /// Why the host should get no more work for now, if it should not.
    pub fn illness(&self) -> Option<String> {
        if let Some(ended) = self.ended() {
            return Some(ended.to_owned());
        }
        let (now, workers) = (Instant::now(), self.workers());
        let stuck = workers.iter().find_map(|(name, worker)| {
            let busy = now.duration_since(worker.busy_since?);
            (busy > STEP_MAX).then(|| format!("{name} has not moved for {} seconds", busy.as_secs()))
        });
        // The others may fail at something of their own; without this one nothing comes in.
        let failing = || Some(format!("{STORING} fails: {}", workers.get(STORING)?.failure.as_ref()?));
        stuck.or_else(failing)
    }

    fn workers(&self) -> MutexGuard<'_, BTreeMap<&'static str, Worker>> {
        // A panic cannot leave it half changed.
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        if let Some(worker) = self.liveness.workers().get_mut(self.worker) {
            worker.busy_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn worker_that_stands_still_in_a_step_makes_the_host_ill() {
        let liveness = Liveness::default();
        let step = liveness.step("routing");
        tokio::time::advance(STEP_MAX).await;
        assert_eq!(liveness.illness(), None);
        liveness.moved("routing");
        tokio::time::advance(STEP_MAX).await;
        assert_eq!(liveness.illness(), None, "it got on");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(liveness.illness().unwrap(), "routing has not moved for 601 seconds");
        drop(step);
        assert_eq!(liveness.illness(), None);
        tokio::time::advance(STEP_MAX * 2).await;
        liveness.moved("routing");
        assert_eq!(liveness.illness(), None, "it rests");
    }

    #[test]
    fn host_is_ill_while_deliveries_cannot_be_stored_and_after_a_worker_ended() {
        let liveness = Liveness::default();
        liveness.stepped("routing", &Err::<(), _>("a plugin is missing"));
        assert_eq!(liveness.illness(), None);
        liveness.stepped(STORING, &Err::<(), _>("the disk is full"));
        assert_eq!(liveness.illness().unwrap(), "storing deliveries fails: the disk is full");
        liveness.stepped(STORING, &Ok::<_, String>(()));
        assert_eq!(liveness.illness(), None);
        liveness.end("routing", "ended by a panic");
        liveness.end("purging", "ended by a panic");
        assert_eq!(liveness.illness().unwrap(), "routing ended by a panic");
    }
}
