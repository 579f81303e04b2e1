//! One reply's way: the adapter says what to send, egress sends it, the adapter reads the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::answer;
use super::fill::fill;
use crate::domain::ids::OutboxId;
use crate::domain::item::Visibility;
use crate::domain::organisation::Inbox;
use crate::domain::outbox::{ATTEMPTS_MAX, wait_ms};
use crate::egress::{self, EgressError};
use crate::flow::overhear::overhear;
use crate::flow::pipeline::EnabledAdapter;
use crate::flow::{Flow, suspend};
use crate::plugin::{Call, EXCHANGES_MAX, Lane, Outbound, SendOutcome, Step, StepResult};
use crate::store::{OutboxWork, SendEnd};
use crate::vault::Granted;

/// A reply that has taken so long has no further exchange.
const REPLY_MAX: Duration = Duration::from_secs(60);

/// Sends one reply; how that ended.
pub(super) async fn send(flow: &Flow, work: &OutboxWork) -> SendEnd {
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
        let lane = Lane::Sending(self.inbox.department, self.inbox.id);
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
