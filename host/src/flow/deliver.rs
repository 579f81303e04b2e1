//! A reply goes out.
//!
//! The adapter says what to send, egress sends it, the adapter reads the answer: until it is done.
//! Sending exactly once does not exist: an answer that may or may not have arrived is parked for an agent. So
//! are one that was on its way when the host died, and one whose adapter fails once a request has gone out.
//! Only an adapter whose channel drops repetitions has it sent again, and says so by `retry-after`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;

use self::fill::fill;
use super::overhear::overhear;
use super::pipeline::EnabledAdapter;
use super::{Flow, FlowError, suspend};
use crate::crash::{self, Point};
use crate::domain::ids::{InboxId, OutboxId};
use crate::domain::item::Visibility;
use crate::domain::organisation::Inbox;
use crate::domain::outbox::{ATTEMPTS_MAX, wait_ms};
use crate::domain::time::Timestamp;
use crate::egress::{self, EgressError};
use crate::plugin::{Call, EXCHANGES_MAX, Lane, Outbound, SendOutcome, Step, StepResult};
use crate::store::{OutboxWork, SendEnd};
use crate::vault::Granted;

mod answer;
mod fill;

/// How many replies one look at the outbox takes.
const BATCH_MAX: usize = 16;
/// From so many inboxes replies are sent at once.
const INBOXES_MAX: usize = 16;
/// How soon the outbox is looked at again while replies are on their way: a ring may be lost.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A reply that has taken so long has no further exchange.
const REPLY_MAX: Duration = Duration::from_secs(60);

/// Sends every reply that is due, until none is or the host stops; how many were tried.
///
/// Those from one inbox go one after the other, so that they arrive in order; inboxes do not wait for
/// one another, because a channel may answer slowly or not at all.
pub async fn send_due(flow: &Flow, stop: &CancellationToken) -> Result<usize, FlowError> {
    // Nothing is on its way yet, so what has begun belongs to a host that died.
    park_unfinished(flow).await?;
    let mut under_way = FuturesUnordered::new();
    let (mut busy, mut tried, mut failure) = (Vec::new(), 0, None);
    loop {
        if busy.len() < INBOXES_MAX && failure.is_none() && !stop.is_cancelled() {
            match flow.store.claim_outbox(flow.now(), BATCH_MAX, &busy).await {
                Ok(due) => {
                    let may_be_more = due.len() == BATCH_MAX;
                    tried += due.len();
                    for (inbox, due) in by_inbox(due) {
                        busy.push(inbox);
                        under_way.push(send_from(flow, inbox, due, stop));
                    }
                    if may_be_more {
                        continue;
                    }
                }
                Err(error) => failure = Some(error.into()),
            }
        }
        tokio::select! {
            sent = under_way.next() => match sent {
                Some((inbox, sent)) => {
                    busy.retain(|it| *it != inbox);
                    failure = failure.or(sent.err());
                }
                None => return failure.map_or(Ok(tried), Err),
            },
            () = flow.wake.outbox.notified(), if !under_way.is_empty() => {}
            () = tokio::time::sleep(LOOK_AGAIN), if !under_way.is_empty() => {}
        }
    }
}

/// In the order in which they are due.
fn by_inbox(due: Vec<OutboxWork>) -> Vec<(InboxId, Vec<OutboxWork>)> {
    let mut found: Vec<(InboxId, Vec<OutboxWork>)> = Vec::new();
    for work in due {
        match found.iter_mut().find(|(inbox, _)| *inbox == work.entry.inbox) {
            Some((_, theirs)) => theirs.push(work),
            None => found.push((work.entry.inbox, vec![work])),
        }
    }
    found
}

async fn send_from(
    flow: &Flow,
    inbox: InboxId,
    due: Vec<OutboxWork>,
    stop: &CancellationToken,
) -> (InboxId, Result<(), FlowError>) {
    let claimed: Vec<OutboxId> = due.iter().map(|it| it.entry.id).collect();
    let sent = send_all(flow, due, stop).await;
    // Where one could not be recorded, or the host stops, those behind it were not tried.
    let released = flow.store.release_outbox(&claimed).await.map_err(FlowError::from);
    (inbox, sent.and(released))
}

async fn send_all(flow: &Flow, due: Vec<OutboxWork>, stop: &CancellationToken) -> Result<(), FlowError> {
    for work in due {
        if stop.is_cancelled() {
            break;
        }
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
    let Some(outbound) = outbound_of(work) else {
        return SendEnd::Failed("whom it answers was erased before it was sent".to_owned());
    };
    let granted = flow.safe.granted(&adapter.manifest, &inbox);
    let channel = Channel { adapter, inbox, granted, reply: work.entry.id };
    let first = channel.begin(flow, outbound).await;
    exchange(flow, work, &channel, first).await
}

/// Goes through the adapter's exchanges until it is done.
async fn exchange(
    flow: &Flow,
    work: &OutboxWork,
    channel: &Channel,
    first: Result<StepResult, String>,
) -> SendEnd {
    let (mut step, until) = (first, Instant::now() + REPLY_MAX);
    for gone_out in 0.. {
        let (request, state) = match step {
            Ok(Ok(Step::Send { .. })) if gone_out == EXCHANGES_MAX => break,
            Ok(Ok(Step::Send { .. })) if gone_out > 0 && Instant::now() > until => {
                return SendEnd::Parked(format!("it takes longer than {} s", REPLY_MAX.as_secs()));
            }
            Ok(Ok(Step::Send { request, state })) => (request, state),
            Ok(Ok(Step::Done(outcome))) => return ended(flow, work, outcome),
            Ok(Err(error)) => return refused(gone_out, error.to_string()),
            Err(failure) => return broken_off(flow, work, gone_out, failure),
        };
        let Some(channel) = &channel.as_it_is_now(flow) else {
            return SendEnd::Parked("the inbox is gone".to_owned());
        };
        let request = match fill(request, &channel.granted) {
            Ok(request) => request,
            Err(why) => return refused(gone_out, why),
        };
        let answer = match flow.egress.send(request, &channel.inbox.reply_hosts).await {
            Ok(answer) => answer,
            Err(error) => return unsent(flow, work, channel, gone_out, error),
        };
        if let Err(why) = answer::check(&answer, &channel.granted) {
            return SendEnd::Parked(why);
        }
        step = channel.resume(flow, state, answer).await;
    }
    SendEnd::Parked(format!("the adapter wanted more than {EXCHANGES_MAX} exchanges"))
}

/// An inbox, its adapter, the secrets it may send, and the reply it sends.
#[derive(Clone)]
struct Channel {
    adapter: Arc<EnabledAdapter>,
    inbox: Arc<Inbox>,
    granted: Granted,
    reply: OutboxId,
}

impl Channel {
    async fn begin(&self, flow: &Flow, outbound: Outbound) -> Result<StepResult, String> {
        let Self { adapter, inbox, granted, .. } = self.clone();
        self.call(flow, "begin", move || adapter.adapter.begin(&inbox, &granted, &outbound)).await
    }

    /// With what an admin may have changed since: secrets, and the hosts that they go to.
    fn as_it_is_now(&self, flow: &Flow) -> Option<Self> {
        let inbox = Arc::clone(flow.directory.load().inbox(self.inbox.id)?);
        let adapter = Arc::clone(&self.adapter);
        let granted = flow.safe.granted(&adapter.manifest, &inbox);
        Some(Self { adapter, inbox, granted, reply: self.reply })
    }

    async fn resume(
        &self,
        flow: &Flow,
        state: Vec<u8>,
        answer: egress::Answer,
    ) -> Result<StepResult, String> {
        let Self { adapter, inbox, granted, .. } = self.clone();
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
        overhear(&self.adapter.activation.plugin, self.reply, &self.granted, &call);
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

fn unsent(flow: &Flow, work: &OutboxWork, channel: &Channel, gone_out: usize, error: EgressError) -> SendEnd {
    let text = channel.granted.hide(&error.to_string()).into_owned();
    match error {
        EgressError::Refused(_) => refused(gone_out, text),
        EgressError::NotSent(_) => broken_off(flow, work, gone_out, text),
        EgressError::NoAnswer(_) => SendEnd::Parked(text),
    }
}

/// It cannot be sent, unless something of it was sent already.
fn refused(gone_out: usize, error: String) -> SendEnd {
    if gone_out == 0 { SendEnd::Failed(error) } else { may_have_been_sent(gone_out, &error) }
}

fn may_have_been_sent(gone_out: usize, error: &str) -> SendEnd {
    SendEnd::Parked(format!(
        "it may or may not have been sent: requests that went out: {gone_out}; then: {error}"
    ))
}

/// It went no further, after that many requests had gone out: from the first one on, beginning again could
/// send it twice.
fn broken_off(flow: &Flow, work: &OutboxWork, gone_out: usize, error: String) -> SendEnd {
    match gone_out {
        0 => again(flow, work, None, error),
        _ => may_have_been_sent(gone_out, &error),
    }
}

/// Another attempt, later each time; after the last one an agent decides.
fn again(flow: &Flow, work: &OutboxWork, asked_ms: Option<i64>, error: String) -> SendEnd {
    let attempts = work.entry.attempts + 1;
    if attempts >= ATTEMPTS_MAX {
        return SendEnd::Parked(format!("tried {attempts} times; last: {error}"));
    }
    SendEnd::Again { at: flow.now().plus_ms(wait_ms(attempts, asked_ms)), error }
}

/// What the adapter gets; absent when there is nobody any more to write to.
fn outbound_of(work: &OutboxWork) -> Option<Outbound> {
    let answers = work.answers.as_ref().map(|it| &it.item);
    Some(Outbound {
        idempotency_key: work.entry.id.to_string(),
        written_at: work.entry.created_at,
        recipient: work.recipient.as_ref()?.author.clone(),
        in_reply_to: answers.map(|it| it.external_id.clone()),
        references: work.references.clone(),
        subject: work.reply.item.subject.clone(),
        text: work.reply.item.text.clone(),
        visibility: answers.map_or(Visibility::Private, |it| it.visibility),
        attributes: answers.map(|it| it.attributes.clone()).unwrap_or_default(),
    })
}
