//! The workers: they call the flow's verbs whenever there may be something to do, until the host stops.
//!
//! Called by `app`; calls `flow`.
//!
//! **Invariant:** a worker that fails tries again; one that ends before the host stops ends it ([`Watch`]).
//! **Invariant:** a worker says of each of its steps when it begins and how it ended ([`liveness`](crate::flow::liveness)).

mod watch;

use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::watch::Watch;
use crate::domain::erasure::Wiping;
use crate::domain::time::Timestamp;
use crate::flow::index::{self, Indexing};
use crate::flow::liveness::{PURGING, ROUTING, SENDING};
use crate::flow::{Flow, FlowError, catch_up, delete_unused, deliver, escalate, purge, route};

/// How long to wait for a ring before looking anyway: a ring is a hint and may be lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// The same for what has no ring.
const LOOK_OFTEN: Duration = Duration::from_millis(250);

/// The same for what has time.
const LOOK_SELDOM: Duration = Duration::from_secs(60);

/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// How long to wait at most after failures in a row of what has time.
const AFTER_FAILURES_MAX: Duration = Duration::from_secs(600);

const TIMERS: &str = "looking after timers";
const ERASING: &str = "erasing and wiping";
const CATCHING_UP: &str = "catching up";
const INDEXING: &str = "indexing texts";

/// Starts all workers. Should one of them end before the host stops, `watch` ends the host.
pub fn start(flow: &Flow, tracker: &TaskTracker, watch: &Watch) {
    let worker = Worker { flow: flow.clone(), stop: watch.stop().clone() };
    // One is enough: it has a batch of each department that waits evaluated by the sandbox's threads at once.
    watch.spawn(ROUTING, worker.clone().route(), tracker);
    watch.spawn(TIMERS, worker.clone().escalate(), tracker);
    watch.spawn(SENDING, worker.clone().deliver(), tracker);
    watch.spawn(PURGING, worker.clone().purge(), tracker);
    watch.spawn(ERASING, worker.clone().wipe(), tracker);
    watch.spawn(INDEXING, worker.clone().index(), tracker);
    watch.spawn(CATCHING_UP, worker.catch_up(), tracker);
}

#[derive(Clone)]
struct Worker {
    flow: Flow,
    stop: CancellationToken,
}

impl Worker {
    async fn route(self) {
        while !self.stop.is_cancelled() {
            match self.step(ROUTING, route::route_until_idle(&self.flow, &self.stop)).await {
                Ok(()) => self.rest(&self.flow.wake.router, LOOK_ANYWAY).await,
                Err(error) => self.failed("routing", &error).await,
            }
        }
    }

    async fn escalate(self) {
        while !self.stop.is_cancelled() {
            let due = async {
                escalate::fire_due(&self.flow).await?;
                escalate::next_due(&self.flow).await
            };
            match self.step(TIMERS, due).await {
                Ok(due) => self.rest(&self.flow.wake.timers, self.wait_until(due)).await,
                Err(error) => self.failed("looking after timers", &error).await,
            }
        }
    }

    async fn deliver(self) {
        while !self.stop.is_cancelled() {
            let due = async {
                deliver::send_due(&self.flow, &self.stop).await?;
                deliver::next_due(&self.flow).await
            };
            match self.step(SENDING, due).await {
                Ok(due) => self.rest(&self.flow.wake.outbox, self.wait_until(due)).await,
                Err(error) => self.failed("sending replies", &error).await,
            }
        }
    }

    /// At the start, and then every hour; sooner where something failed.
    async fn purge(self) {
        let (mut due, mut failures) = (self.flow.now(), 0);
        while !self.stop.is_cancelled() {
            if self.flow.now() < due {
                self.rest(&Notify::new(), LOOK_ANYWAY).await;
                continue;
            }
            let purged = self.step(PURGING, purge::keep_to_agreed(&self.flow)).await;
            let deleted = delete_unused::delete_unused(&self.flow).await;
            match purged.and(deleted) {
                Ok(()) => (due, failures) = (self.flow.now().plus_ms(purge::EVERY_MS), 0),
                Err(error) => {
                    failures += 1;
                    self.failed_again("deleting old and unused data", &error, failures).await;
                }
            }
        }
    }

    /// At the start, whenever something was erased or is to be, and now and then.
    async fn wipe(self) {
        let (mut in_vain, mut is_reported) = (0, false);
        while !self.stop.is_cancelled() {
            let bell = &self.flow.wake.wipe;
            match self.step(ERASING, purge::wipe_some(&self.flow)).await {
                Ok(Wiping::More) => in_vain = 0,
                Ok(Wiping::Done) => {
                    in_vain = 0;
                    self.rest(bell, LOOK_SELDOM).await;
                }
                Ok(Wiping::Waiting) => {
                    in_vain += 1;
                    self.rest(&Notify::new(), after(in_vain)).await;
                }
                Ok(Wiping::TooLarge) => {
                    if !std::mem::replace(&mut is_reported, true) {
                        tracing::warn!(
                            "the repository is too large to be wiped in place: what is erased cannot be read \
                             through the interface any more, and `wiped_at` stays absent"
                        );
                    }
                    self.rest(bell, LOOK_SELDOM).await;
                }
                Err(error) => {
                    in_vain += 1;
                    self.failed_again("erasing, or wiping the disk,", &error, in_vain).await;
                }
            }
        }
    }

    /// Others have the writer for as long as this had it.
    async fn index(self) {
        while !self.stop.is_cancelled() {
            let began = Instant::now();
            match self.step(INDEXING, index::index_some(&self.flow)).await {
                Ok(Indexing::More) => self.rest(&Notify::new(), began.elapsed()).await,
                Ok(Indexing::Done) => self.rest(&Notify::new(), LOOK_OFTEN).await,
                Err(error) => self.failed("indexing texts", &error).await,
            }
        }
    }

    async fn catch_up(self) {
        while !self.stop.is_cancelled() {
            match self.step(CATCHING_UP, catch_up::catch_up(&self.flow)).await {
                Ok(()) => self.rest(&Notify::new(), LOOK_ANYWAY).await,
                Err(error) => self.failed("following what changed", &error).await,
            }
        }
    }

    /// Takes a step, and says so.
    async fn step<T>(
        &self,
        worker: &'static str,
        work: impl Future<Output = Result<T, FlowError>>,
    ) -> Result<T, FlowError> {
        let _step = self.flow.liveness.step(worker);
        let done = work.await;
        self.flow.liveness.stepped(worker, &done);
        done
    }

    /// Never longer than [`LOOK_ANYWAY`]: the clock may be moved.
    fn wait_until(&self, due: Option<Timestamp>) -> Duration {
        let Some(due) = due else { return LOOK_ANYWAY };
        let ms = due.ms_since(self.flow.now()).clamp(1, LOOK_ANYWAY.as_millis() as i64);
        Duration::from_millis(ms as u64)
    }

    /// Waits for the bell, but not for long, and not once the host stops. A worker gives way only
    /// here, so that what it has begun is finished.
    async fn rest(&self, bell: &Notify, at_most: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = bell.notified() => {}
            () = tokio::time::sleep(at_most) => {}
        }
    }

    async fn failed(&self, what: &str, error: &FlowError) {
        self.report(what, error);
        self.rest(&Notify::new(), AFTER_FAILURE).await;
    }

    /// The same for what has time: longer each time.
    async fn failed_again(&self, what: &str, error: &FlowError, failures: u32) {
        self.report(what, error);
        self.rest(&Notify::new(), after(failures)).await;
    }

    fn report(&self, what: &str, error: &FlowError) {
        self.flow.note_damage(error);
        tracing::error!(error = error as &dyn std::error::Error, "{what} failed; it is tried again");
    }
}

/// How long to wait after so many failures in a row.
fn after(failures: u32) -> Duration {
    (AFTER_FAILURE * (1 << failures.min(16))).min(AFTER_FAILURES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_ever_more_seldom() {
        let waits = [1, 2, 3, 8, 11, 40].map(|it| after(it).as_secs());
        assert_eq!(waits, [1, 2, 4, 128, 600, 600]);
    }
}
