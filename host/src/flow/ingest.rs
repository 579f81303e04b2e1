//! A delivery comes in.
//!
//! The adapter reads it at once, on the executor's threads; then it waits with others for one common
//! transaction, and only after that transaction is it answered. A caller that goes away meanwhile
//! cancels nothing.

use std::sync::Arc;
use std::time::Instant;

use subtle::ConstantTimeEq;
use tokio::sync::{mpsc, oneshot};

use super::pipeline::EnabledAdapter;
use super::{Flow, FlowError};
use crate::domain::arrival::{Intake, Response};
use crate::domain::delivery::RawDelivery;
use crate::domain::ids::DeliveryId;
use crate::domain::organisation::{Inbox, InboxAccess};
use crate::plugin::digest::digest;
use crate::store::{
    IntakeCommitted, IntakeContent, IntakeEntry, IntakeOrigin, Store, StoreError, StoreResult,
};
use crate::telemetry::Telemetry;

/// How many deliveries one transaction stores at most: beyond this a larger one gains nothing and
/// only keeps the first ones waiting.
const BATCH_MAX: usize = 256;

/// How many deliveries may wait for their transaction; more are told to come back.
const WAITING_MAX: usize = 2_048;

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedOutcome {
    /// Its arrivals are in the repository.
    Accepted(IntakeCommitted),
    /// It is kept, but no adapter could read it yet.
    Unparsed {
        /// Why.
        reason: String,
    },
}

/// A delivery that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its id.
    pub delivery: DeliveryId,
    /// What became of it.
    pub outcome: ReceivedOutcome,
    /// What the channel wants to hear.
    pub response: Option<Response>,
}

/// Takes a delivery in by the inbox of this name. `credentials` is the token shown, if any.
pub async fn receive(
    flow: &Flow,
    inbox_name: &str,
    credentials: Option<&str>,
    raw: RawDelivery,
) -> Result<Received, FlowError> {
    let directory = flow.directory.load_full();
    let Some(inbox) = directory.inbox_named(inbox_name) else {
        return Err(FlowError::unknown(
            "inbox",
            inbox_name,
            directory.inboxes().iter().map(|it| it.name.as_str()),
        ));
    };
    admit(inbox, credentials)?;
    let delivery = flow.id();
    read_and_store(flow, delivery, IntakeOrigin::Fresh, Arc::clone(inbox), Arc::new(raw)).await
}

/// Whether whoever shows this may deliver here.
fn admit(inbox: &Inbox, credentials: Option<&str>) -> Result<(), FlowError> {
    match (&inbox.access, credentials) {
        (InboxAccess::Open, _) => Ok(()),
        (InboxAccess::Closed, _) => Err(FlowError::Forbidden(format!(
            "inbox `{}` is closed: give it a token, or open it, with PATCH /v1/inboxes/{}",
            inbox.name, inbox.name
        ))),
        (InboxAccess::Token { sha256 }, Some(token))
            if bool::from(digest(token.as_bytes()).as_bytes().ct_eq(sha256.as_bytes())) =>
        {
            Ok(())
        }
        (InboxAccess::Token { .. }, _) => Err(FlowError::Unauthenticated(format!(
            "inbox `{}` wants its token, as `Authorization: Bearer …` or `X-Switchboard-Token`",
            inbox.name
        ))),
    }
}

/// Reads a delivery and stores what it held; also the way of a delivery that is read once more.
pub(super) async fn read_and_store(
    flow: &Flow,
    delivery: DeliveryId,
    origin: IntakeOrigin,
    inbox: Arc<Inbox>,
    raw: Arc<RawDelivery>,
) -> Result<Received, FlowError> {
    let adapter = flow.pipeline.load().adapter(&inbox.adapter).cloned();
    let (content, response) = match &adapter {
        Some(adapter) => read(flow, adapter, &inbox, &raw).await?,
        None => (unparsed("unavailable", &format!("the adapter `{}` is not enabled", inbox.adapter)), None),
    };
    let reason = match &content {
        IntakeContent::Unparsed { reason } => Some(reason.clone()),
        IntakeContent::Arrivals(_) => None,
    };
    let adapter = adapter.map(|it| it.release());
    let entry = IntakeEntry { delivery, origin, inbox: Arc::clone(&inbox), raw, adapter, content };
    let committed = flow.intakes.commit(entry).await?;
    flow.wake.router.notify_one();
    let outcome = match reason {
        Some(reason) => ReceivedOutcome::Unparsed { reason },
        None => ReceivedOutcome::Accepted(committed),
    };
    count(&flow.telemetry, &inbox.name, &outcome);
    Ok(Received { delivery, outcome, response })
}

fn count(telemetry: &Telemetry, inbox: &str, outcome: &ReceivedOutcome) {
    match outcome {
        ReceivedOutcome::Accepted(committed) => {
            telemetry.delivery(inbox, "accepted", committed.items.len() as u64)
        }
        ReceivedOutcome::Unparsed { .. } => telemetry.delivery(inbox, "unparsed", 0),
    }
}

fn unparsed(name: &str, detail: &str) -> IntakeContent {
    IntakeContent::Unparsed { reason: format!("{name}: {detail}") }
}

async fn read(
    flow: &Flow,
    enabled: &Arc<EnabledAdapter>,
    inbox: &Arc<Inbox>,
    raw: &Arc<RawDelivery>,
) -> Result<(IntakeContent, Option<Response>), FlowError> {
    let (adapter, inbox, raw) = (Arc::clone(enabled), Arc::clone(inbox), Arc::clone(raw));
    let call = flow
        .plugins
        .executor()
        .run(move || adapter.adapter.receive(&inbox, &raw))
        .await
        .map_err(|error| FlowError::Unavailable(error.to_string()))?;
    let failure = call.result.as_ref().err().map(|failure| failure.kind.name());
    flow.telemetry.plugin_call(&enabled.activation.plugin, "receive", call.micros, failure);
    Ok(match call.result {
        Ok(Ok(intake)) => content_of(intake),
        Ok(Err(rejection)) => (IntakeContent::Unparsed { reason: rejection.to_string() }, None),
        Err(failure) => (unparsed(failure.kind.name(), &failure.detail), None),
    })
}

fn content_of(intake: Intake) -> (IntakeContent, Option<Response>) {
    if intake.arrivals.is_empty() && intake.response.is_none() {
        return (unparsed("nothing-found", "the adapter found nothing in it"), None);
    }
    (IntakeContent::Arrivals(intake.arrivals), intake.response)
}

type Waiting = (IntakeEntry, oneshot::Sender<StoreResult<IntakeCommitted>>);

/// Where read deliveries wait for their common transaction. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    queue: mpsc::Sender<Waiting>,
}

impl Committer {
    /// A committer, and the loop that works for it: run it until it ends, which it does when the last
    /// clone of the committer is gone.
    pub fn new(store: Arc<dyn Store>, telemetry: Arc<Telemetry>) -> (Self, impl Future<Output = ()> + Send) {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        (Self { queue }, commit_batches(store, telemetry, waiting))
    }

    async fn commit(&self, entry: IntakeEntry) -> Result<IntakeCommitted, FlowError> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send((entry, answer)).map_err(|_| {
            FlowError::Unavailable("too many deliveries wait to be stored; try again shortly".to_owned())
        })?;
        match answered.await {
            Ok(committed) => Ok(committed?),
            Err(_) => Err(FlowError::Unavailable("Switchboard is shutting down; try again".to_owned())),
        }
    }
}

/// Stores whatever waits, as soon as the transaction before is done: alone when there is little to do,
/// together when there is much.
async fn commit_batches(
    store: Arc<dyn Store>,
    telemetry: Arc<Telemetry>,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
        let (entries, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let began = Instant::now();
        match store.commit_intakes(&entries).await {
            Ok(outcomes) => {
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    // Whoever waited may have gone; what was stored stays stored.
                    let _ = answer.send(outcome);
                }
            }
            Err(error) => refuse_all(answers, &error),
        }
        telemetry.step("commit_intakes", began.elapsed().as_micros() as u64);
    }
}

fn refuse_all(answers: Vec<oneshot::Sender<StoreResult<IntakeCommitted>>>, error: &StoreError) {
    tracing::error!(deliveries = answers.len(), %error, "a batch of deliveries could not be stored");
    for answer in answers {
        let _ = answer.send(Err(StoreError::Unavailable(error.to_string())));
    }
}
