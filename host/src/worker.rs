//! The workers: they call the flow's verbs whenever there may be something to do, until the host stops.
//!
//! Called by `app`; calls `flow`.
//!
//! **Invariant:** a worker that fails tries again; it never ends before the host does.

use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::domain::time::Timestamp;
use crate::flow::{Flow, FlowError, catch_up, deliver, escalate, purge, route};

/// How many batches are routed at a time: one is judged while the other is being committed.
const ROUTERS: usize = 1;

/// How long to wait for a ring before looking anyway: a ring is a hint and may be lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// How long to wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// Starts all workers.
pub fn start(flow: &Flow, tracker: &TaskTracker, stop: &CancellationToken) {
    let worker = Worker { flow: flow.clone(), stop: stop.clone() };
    for _ in 0..ROUTERS {
        tracker.spawn(worker.clone().route());
    }
    tracker.spawn(worker.clone().escalate());
    tracker.spawn(worker.clone().deliver());
    tracker.spawn(worker.clone().purge());
    tracker.spawn(worker.catch_up());
}

#[derive(Clone)]
struct Worker {
    flow: Flow,
    stop: CancellationToken,
}

impl Worker {
    async fn route(self) {
        while !self.stop.is_cancelled() {
            match route::route_batch(&self.flow).await {
                Ok(0) => self.rest(&self.flow.wake.router, LOOK_ANYWAY).await,
                // There may be more: let another worker look too.
                Ok(_) => self.flow.wake.router.notify_one(),
                Err(error) => self.failed("routing", &error).await,
            }
        }
    }

    async fn escalate(self) {
        while !self.stop.is_cancelled() {
            let due = match escalate::fire_due(&self.flow).await {
                Ok(_) => escalate::next_due(&self.flow).await,
                Err(error) => Err(error),
            };
            match due {
                Ok(due) => self.rest(&self.flow.wake.timers, self.wait_until(due)).await,
                Err(error) => self.failed("looking after timers", &error).await,
            }
        }
    }

    async fn deliver(self) {
        while !self.stop.is_cancelled() {
            let due = match deliver::send_due(&self.flow, &self.stop).await {
                Ok(_) => deliver::next_due(&self.flow).await,
                Err(error) => Err(error),
            };
            match due {
                Ok(due) => self.rest(&self.flow.wake.outbox, self.wait_until(due)).await,
                Err(error) => self.failed("sending replies", &error).await,
            }
        }
    }

    /// At the start, and then every hour; sooner while the disk is still to be wiped.
    async fn purge(self) {
        let mut due = self.flow.now();
        while !self.stop.is_cancelled() {
            if self.flow.now() < due {
                self.rest(&Notify::new(), LOOK_ANYWAY).await;
                continue;
            }
            match purge::purge_due(&self.flow).await {
                Ok(true) => due = self.flow.now().plus_ms(purge::EVERY_MS),
                Ok(false) => self.rest(&Notify::new(), LOOK_ANYWAY).await,
                Err(error) => self.failed("purging what is too old", &error).await,
            }
        }
    }

    async fn catch_up(self) {
        while !self.stop.is_cancelled() {
            match catch_up::catch_up(&self.flow).await {
                Ok(()) => self.rest(&Notify::new(), LOOK_ANYWAY).await,
                Err(error) => self.failed("following what changed", &error).await,
            }
        }
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
        tracing::error!(error = error as &dyn std::error::Error, "{what} failed; it is tried again");
        self.rest(&Notify::new(), AFTER_FAILURE).await;
    }
}
