//! A reply goes out.
//!
//! The adapter says what to send, egress sends it, the adapter reads the answer: until it is done.
//! Sending exactly once does not exist: an answer that may or may not have arrived, the host's own death
//! while it was on its way included, is parked for an agent, unless the adapter's channel drops repetitions and the adapter says so by `retry-after`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;

use self::fill::fill;
use super::pipeline::EnabledAdapter;
use super::{Flow, FlowError, suspend};
use crate::crash::{self, Point};
use crate::domain::ids::OutboxId;
use crate::domain::item::Visibility;
use crate::domain::organisation::Inbox;
use crate::domain::outbox::{ATTEMPTS_MAX, backoff_ms};
use crate::domain::time::Timestamp;
use crate::egress::{self, EgressError};
use crate::plugin::{Call, Lane, Outbound, SendOutcome, Step, StepResult};
use crate::store::{OutboxWork, SendEnd};
use crate::vault::Granted;

mod answer;
mod fill;

/// How many replies one look at the outbox takes.
const BATCH_MAX: usize = 16;
/// How many exchanges belong to one reply at most.
const EXCHANGES_MAX: usize = 16;

/// Sends every reply that is due now; how many were tried.
pub async fn send_due(flow: &Flow) -> Result<usize, FlowError> {
    park_unfinished(flow).await?;
    let mut tried = 0;
    loop {
        let work = flow.store.claim_outbox(flow.now(), BATCH_MAX).await?;
        if work.is_empty() {
            return Ok(tried);
        }
        tried += work.len();
        let claimed: Vec<OutboxId> = work.iter().map(|it| it.entry.id).collect();
        let done = send_all(flow, work).await;
        // Where one could not be recorded, those behind it were not tried.
        flow.store.release_outbox(&claimed).await?;
        done?;
    }
}

async fn send_all(flow: &Flow, work: Vec<OutboxWork>) -> Result<(), FlowError> {
    for work in work {
        // Before anything leaves the host: whoever finds this without an end knows that it may have.
        flow.store.begin_send(work.entry.id, flow.now()).await?;
        crash::point(Point::ReplyBegun);
        let end = AssertUnwindSafe(send(flow, &work)).catch_unwind().await.unwrap_or_else(|_| broken());
        crash::point(Point::ReplySent);
        flow.telemetry.reply(name_of(&end));
        flow.store.end_send(work.entry.id, &end, flow.now()).await?;
    }
    Ok(())
}

/// One reply on which the host itself fails costs the others nothing. It may have gone out.
fn broken() -> SendEnd {
    tracing::error!("the host failed while it sent a reply; people decide");
    SendEnd::Parked("the host failed while it was being sent".to_owned())
}

/// Leaves to an agent what a host that died, or could not write, was sending.
async fn park_unfinished(flow: &Flow) -> Result<(), FlowError> {
    let parked = flow.store.park_unfinished(flow.now()).await?;
    if parked > 0 {
        tracing::warn!(parked, "replies may or may not have been sent; people decide");
        (0..parked).for_each(|_| flow.telemetry.reply("parked"));
    }
    Ok(())
}

/// When the next reply is due.
pub async fn next_due(flow: &Flow) -> Result<Option<Timestamp>, FlowError> {
    Ok(flow.store.next_send().await?)
}

fn name_of(end: &SendEnd) -> &'static str {
    match end {
        SendEnd::Sent(_) => "sent",
        SendEnd::Again { .. } => "retried",
        SendEnd::Failed(_) => "failed",
        SendEnd::Parked(_) => "parked",
    }
}

async fn send(flow: &Flow, work: &OutboxWork) -> SendEnd {
    let directory = flow.directory.load_full();
    let Some(inbox) = directory.inbox(work.entry.inbox).cloned() else {
        return SendEnd::Parked("the inbox is gone".to_owned());
    };
    let Some(adapter) = flow.pipeline.load().adapter(&inbox.adapter).cloned() else {
        return again(flow, work, None, format!("the adapter `{}` is not enabled", inbox.adapter));
    };
    let granted = flow.safe.granted(&adapter.manifest, &inbox);
    let channel = Channel { adapter, inbox, granted };
    let first = channel.begin(flow, outbound_of(work)).await;
    exchange(flow, work, &channel, first).await
}

/// Goes through the adapter's exchanges until it is done.
async fn exchange(
    flow: &Flow,
    work: &OutboxWork,
    channel: &Channel,
    first: Result<StepResult, String>,
) -> SendEnd {
    let mut step = first;
    for _ in 0..EXCHANGES_MAX {
        let (request, state) = match step {
            Ok(Ok(Step::Send { request, state })) => (request, state),
            Ok(Ok(Step::Done(outcome))) => return ended(flow, work, outcome),
            Ok(Err(error)) => return SendEnd::Failed(error.to_string()),
            Err(failure) => return again(flow, work, None, failure),
        };
        let Some(channel) = &channel.as_it_is_now(flow) else {
            return SendEnd::Parked("the inbox is gone".to_owned());
        };
        let request = match fill(request, &channel.granted) {
            Ok(request) => request,
            Err(why) => return SendEnd::Failed(why),
        };
        let answer = match flow.egress.send(request, &channel.inbox.reply_hosts).await {
            Ok(answer) => answer,
            Err(error) => return unsent(flow, work, channel, error),
        };
        if let Err(why) = answer::check(&answer, &channel.granted) {
            return SendEnd::Parked(why);
        }
        step = channel.resume(flow, state, answer).await;
    }
    SendEnd::Parked(format!("the adapter wanted more than {EXCHANGES_MAX} exchanges"))
}

/// An inbox, its adapter, and the secrets it may send.
#[derive(Clone)]
struct Channel {
    adapter: Arc<EnabledAdapter>,
    inbox: Arc<Inbox>,
    granted: Granted,
}

impl Channel {
    async fn begin(&self, flow: &Flow, outbound: Outbound) -> Result<StepResult, String> {
        let Self { adapter, inbox, granted } = self.clone();
        self.call(flow, "begin", move || adapter.adapter.begin(&inbox, &granted, &outbound)).await
    }

    /// With what an admin may have changed since: secrets, and the hosts that they go to.
    fn as_it_is_now(&self, flow: &Flow) -> Option<Self> {
        let inbox = Arc::clone(flow.directory.load().inbox(self.inbox.id)?);
        let adapter = Arc::clone(&self.adapter);
        let granted = flow.safe.granted(&adapter.manifest, &inbox);
        Some(Self { adapter, inbox, granted })
    }

    async fn resume(
        &self,
        flow: &Flow,
        state: Vec<u8>,
        answer: egress::Answer,
    ) -> Result<StepResult, String> {
        let Self { adapter, inbox, granted } = self.clone();
        let resume = move || {
            let answer = answer::as_seen(answer, &granted);
            adapter.adapter.resume(&inbox, &granted, &state, &answer)
        };
        self.call(flow, "resume", resume).await
    }

    /// Runs a step of the adapter; a failure counts, and becomes its text.
    async fn call(
        &self,
        flow: &Flow,
        step: &'static str,
        job: impl FnOnce() -> Call<StepResult> + Send + 'static,
    ) -> Result<StepResult, String> {
        let lane = Lane::Sending(self.inbox.id);
        let call = flow.plugins.executor().run(lane, job).await.map_err(|error| error.to_string())?;
        suspend::count_adapter(&self.adapter, flow.now(), &call);
        suspend::suspend_adapter(flow, &self.adapter);
        let failure = call.result.as_ref().err().map(|failure| failure.kind.name());
        flow.telemetry.plugin_call(&self.adapter.activation.plugin, step, call.micros, failure);
        call.result.map_err(|failure| format!("the adapter failed: {failure}"))
    }
}

fn ended(flow: &Flow, work: &OutboxWork, outcome: SendOutcome) -> SendEnd {
    match outcome {
        SendOutcome::Sent(external_id) => SendEnd::Sent(external_id),
        SendOutcome::RetryAfter(ms) => again(flow, work, Some(ms), "the channel asked to wait".to_owned()),
        SendOutcome::Failed(reason) => SendEnd::Failed(reason),
        SendOutcome::Unknown => SendEnd::Parked("it may or may not have been sent".to_owned()),
    }
}

fn unsent(flow: &Flow, work: &OutboxWork, channel: &Channel, error: EgressError) -> SendEnd {
    let text = channel.granted.hide(&error.to_string()).into_owned();
    match error {
        EgressError::Refused(_) => SendEnd::Failed(text),
        EgressError::NotSent(_) => again(flow, work, None, text),
        EgressError::NoAnswer(_) => SendEnd::Parked(text),
    }
}

/// Another attempt, later each time; after the last one an agent decides.
fn again(flow: &Flow, work: &OutboxWork, after_ms: Option<i64>, error: String) -> SendEnd {
    let attempts = work.entry.attempts + 1;
    if attempts >= ATTEMPTS_MAX {
        return SendEnd::Parked(format!("tried {attempts} times; last: {error}"));
    }
    let wait_ms = backoff_ms(attempts).max(after_ms.unwrap_or(0));
    SendEnd::Again { at: flow.now().plus_ms(wait_ms), error }
}

fn outbound_of(work: &OutboxWork) -> Outbound {
    let answers = work.answers.as_ref().map(|it| &it.item);
    Outbound {
        idempotency_key: work.entry.id.to_string(),
        written_at: work.entry.created_at,
        recipient: work.recipient.author.clone(),
        in_reply_to: answers.map(|it| it.external_id.clone()),
        references: work.references.clone(),
        subject: work.reply.item.subject.clone(),
        text: work.reply.item.text.clone(),
        visibility: answers.map_or(Visibility::Private, |it| it.visibility),
        attributes: answers.map(|it| it.attributes.clone()).unwrap_or_default(),
    }
}
