//! Deliveries that have been read, stored in common.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::oneshot;

use super::quarantine::Quarantine;
use super::waiting::{Bound, CommitQueue, Refused, WAITING_BYTES_MAX, WAITING_MAX};
use super::{Held, Received, ReceivedOutcome};
use crate::crash::{self, Point};
use crate::domain::arrival::Response;
use crate::domain::quota::ReachedLimit;
use crate::flow::liveness::{Liveness, STORING};
use crate::flow::route::Door;
use crate::flow::{FlowError, Wake};
use crate::store::{DoorJudge, IntakeCommitted, IntakeContent, IntakeEntry, Store, StoreError};
use crate::telemetry::Telemetry;

/// A delivery that has been read, and who waits for it to be stored.
pub(super) struct ReadDelivery {
    /// What is to be stored.
    pub(super) entry: IntakeEntry,
    /// What the channel wants to hear.
    pub(super) response: Option<Response>,
    /// Who waits.
    pub(super) answer: oneshot::Sender<Result<Received, FlowError>>,
    /// What it takes until it is stored.
    pub(super) held: Held,
}

impl ReadDelivery {
    /// It is not stored; whoever waits hears why.
    pub(super) fn refuse(self, why: FlowError) {
        tell(self.answer, Err(why));
    }
}

/// Where read deliveries wait for their common transaction. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    open: Arc<OpenQueue>,
}

/// The queue, which is closed when the last committer goes.
struct OpenQueue(Arc<CommitQueue>);

impl Drop for OpenQueue {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The queue of the loop that stores: whoever waits is told when the loop ends, by a panic too.
struct ServedQueue(Arc<CommitQueue>);

impl Drop for ServedQueue {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl Committer {
    /// A committer, and the loop that works for it: run it until it ends, which it does when the last
    /// clone of the committer is gone.
    pub fn new(storing: Storing) -> (Self, impl Future<Output = ()> + Send) {
        let queue = Arc::new(CommitQueue::default());
        (Self { open: Arc::new(OpenQueue(Arc::clone(&queue))) }, storing.run(ServedQueue(queue)))
    }

    /// Has a delivery stored. Never waits: whoever waits hears what became of it.
    pub(super) fn hand_in(&self, read: ReadDelivery) {
        let (read, why) = match self.open.0.push(read) {
            Ok(()) => return,
            Err(Refused::Full(read, bound)) => (read, full(bound)),
            Err(Refused::Closed(read)) => {
                (read, FlowError::Unavailable("Switchboard is shutting down; try again".to_owned()))
            }
        };
        tell(read.answer, Err(why));
    }
}

/// The room for deliveries that wait is for all departments, each of which has a share of what is left.
fn full(bound: Bound) -> FlowError {
    let (most, name, unit) = match bound {
        Bound::Count => (WAITING_MAX as u64, "waiting-deliveries", "deliveries"),
        Bound::Bytes => (WAITING_BYTES_MAX as u64, "waiting-delivery-bytes", "bytes"),
    };
    FlowError::PoolFull {
        detail: format!(
            "too many deliveries wait to be stored: {most} {unit} of all departments may, and of this one those that \
             fill its share"
        ),
        limit: ReachedLimit::full(name, most, unit),
        remedy: "nothing was accepted: send it again after the seconds in `retry-after`, fewer at once"
            .to_owned(),
    }
}

/// Stores whatever waits, as soon as the transaction before is done: alone when there is little to do,
/// together when there is much.
pub struct Storing {
    /// Where to.
    pub store: Arc<dyn Store>,
    /// Counts it.
    pub telemetry: Arc<Telemetry>,
    /// Whom to tell.
    pub wake: Arc<Wake>,
    /// Where it is judged first.
    pub door: Arc<Door>,
    /// Whether there is room for what could not be read.
    pub quarantine: Quarantine,
    /// Is told how it goes.
    pub liveness: Arc<Liveness>,
}

impl Storing {
    async fn run(self, queue: ServedQueue) {
        while let Some(mut batch) = queue.0.next_batch().await {
            let _step = self.liveness.step(STORING);
            self.quarantine.turn_away(&mut batch).await;
            if batch.is_empty() {
                continue;
            }
            let (entries, waiters): (Vec<_>, Vec<_>) =
                batch.drain(..).map(|it| (it.entry, (it.response, it.answer, it.held))).unzip();
            let began = Instant::now();
            self.store_all(&entries, waiters).await;
            self.telemetry.step("commit_intakes", began.elapsed().as_micros() as u64);
        }
    }

    async fn store_all(&self, entries: &[IntakeEntry], waiters: Vec<Waiter>) {
        let judge = self.door.judge(entries.iter().map(|it| it.inbox.department));
        let asked = judge.as_ref().map(|it| it as &dyn DoorJudge);
        let waiters = if crash::answers_before_it_stores() { answer_all(entries, waiters) } else { waiters };
        crash::point(Point::IntakeRead);
        let committed = self.store.commit_intakes(entries, asked).await;
        self.liveness.stepped(STORING, &committed);
        match committed {
            Ok(outcomes) => {
                crash::point(Point::IntakeCommitted);
                if !judge.is_some_and(|it| it.was_heard()) {
                    self.wake.router.notify_one();
                }
                for ((entry, outcome), (response, answer, _held)) in entries.iter().zip(outcomes).zip(waiters)
                {
                    let stored = outcome.map(|committed| received(entry, committed, response));
                    if let Ok(stored) = &stored {
                        count(&self.telemetry, &entry.inbox.name, &stored.outcome);
                    }
                    tell(answer, stored.map_err(FlowError::from));
                }
            }
            Err(error) => {
                if matches!(error, StoreError::Damaged(_)) {
                    self.store.note_damage();
                }
                refuse_all(waiters.into_iter().map(|(_, answer, _)| answer), &error);
            }
        }
    }
}

/// The fault that tests must find: everybody hears that it is stored, and it is not.
fn answer_all(entries: &[IntakeEntry], waiters: Vec<Waiter>) -> Vec<Waiter> {
    for (entry, (response, answer, _held)) in entries.iter().zip(waiters) {
        tell(answer, Ok(received(entry, IntakeCommitted::default(), response)));
    }
    Vec::new()
}

fn received(entry: &IntakeEntry, committed: IntakeCommitted, response: Option<Response>) -> Received {
    let outcome = match &entry.content {
        IntakeContent::Arrivals(_) => ReceivedOutcome::Accepted(committed),
        IntakeContent::Unparsed { reason } => ReceivedOutcome::Unparsed { reason: reason.clone() },
    };
    Received { delivery: entry.delivery, outcome, response }
}

fn count(telemetry: &Telemetry, inbox: &str, outcome: &ReceivedOutcome) {
    match outcome {
        ReceivedOutcome::Accepted(committed) => {
            telemetry.delivery(inbox, "accepted", committed.items.len() as u64)
        }
        ReceivedOutcome::Unparsed { .. } => telemetry.delivery(inbox, "unparsed", 0),
    }
}

/// What the channel wants to hear, who waits, and what that takes.
type Waiter = (Option<Response>, Answer, Held);

type Answer = oneshot::Sender<Result<Received, FlowError>>;

fn refuse_all(answers: impl ExactSizeIterator<Item = Answer>, error: &StoreError) {
    let cause: &(dyn Error + 'static) = error;
    tracing::error!(deliveries = answers.len(), error = cause, "a batch of deliveries could not be stored");
    for answer in answers {
        tell(answer, Err(StoreError::Unavailable(error.to_string()).into()));
    }
}

fn tell(answer: Answer, stored: Result<Received, FlowError>) {
    // Whoever waited may have gone; what was stored stays stored.
    let _ = answer.send(stored);
}
