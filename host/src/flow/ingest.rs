//! A delivery comes in.
//!
//! The adapter reads it at once, on the executor's threads; then it waits with others for one common
//! transaction, and only after that transaction is it answered. A caller that goes away meanwhile
//! cancels nothing.

use std::sync::Arc;

use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use self::commit::ReadDelivery;
pub use self::commit::{Committer, Storing};
pub use self::quarantine::Quarantine;
use super::keyring::Bearer;
use super::overhear::overhear;
use super::pipeline::EnabledAdapter;
use super::{Flow, FlowError, suspend};
use crate::domain::allowance::Allowance;
use crate::domain::arrival::{Intake, Response};
use crate::domain::delivery::RawDelivery;
use crate::domain::ids::DeliveryId;
use crate::domain::organisation::{Inbox, InboxAccess};
use crate::domain::principal::PrincipalKind;
use crate::plugin::digest::digest;
use crate::plugin::{Call, Lane, ReceiveResult};
use crate::store::{AuditEntry, IntakeCommitted, IntakeContent, IntakeEntry, IntakeOrigin};
use crate::telemetry::Telemetry;

mod commit;
mod quarantine;
mod waiting;

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

impl Received {
    /// Why it is not believed to come from whom it should, if so.
    pub fn unauthentic(&self) -> Option<&str> {
        match &self.outcome {
            ReceivedOutcome::Unparsed { reason } => reason.strip_prefix("unauthentic: "),
            ReceivedOutcome::Accepted(_) => None,
        }
    }
}

/// What a delivery takes while it is under way; given back when this goes.
pub type Held = Box<dyn Send>;

/// As what a delivery is kept.
pub(super) struct Kept {
    /// Its id.
    pub(super) delivery: DeliveryId,
    /// New, or kept already.
    pub(super) origin: IntakeOrigin,
    /// The record of who had it read, if somebody did: channels deliver, and are no principals.
    pub(super) audit: Option<AuditEntry>,
}

/// Whoever may deliver now.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// To this inbox.
    pub inbox: Arc<Inbox>,
    /// So much.
    pub allowance: Allowance,
}

/// Whether whoever shows these credentials may deliver to the inbox of this name now.
///
/// Nobody is told which inboxes there are: the door is open to the world.
pub fn admit(flow: &Flow, inbox_name: &str, credentials: Option<&str>) -> Result<Admitted, FlowError> {
    let directory = flow.directory.load();
    let unknown = || {
        FlowError::NotFound(format!(
            "there is no inbox `{inbox_name}`; GET /v1/inboxes lists what there is, to whoever has a token"
        ))
    };
    let inbox = directory.inbox_named(inbox_name).ok_or_else(unknown)?;
    let mut allowance = inbox.allowance;
    if let Some(service) = check_credentials(flow, inbox, credentials)? {
        service.check_rate(flow)?;
        allowance = allowance.narrowed_by(service.allowance);
    }
    flow.check_rate(inbox.id.0, inbox.allowance, "this inbox")?;
    Ok(Admitted { inbox: Arc::clone(inbox), allowance })
}

/// Takes a delivery in by an inbox that admitted it.
pub async fn receive(
    flow: &Flow,
    inbox: Arc<Inbox>,
    raw: RawDelivery,
    held: Held,
) -> Result<Received, FlowError> {
    // It may have been changed, or bound to other secrets, while the body came in.
    let inbox = flow.directory.load().inbox(inbox.id).map_or(inbox, Arc::clone);
    let kept = Kept { delivery: flow.id(), origin: IntakeOrigin::Fresh, audit: None };
    read_and_store(flow, kept, inbox, raw, held).await
}

/// Whether whoever shows this may deliver here; the bearer, where it is one of the company's services.
fn check_credentials(
    flow: &Flow,
    inbox: &Inbox,
    credentials: Option<&str>,
) -> Result<Option<Bearer>, FlowError> {
    match (&inbox.access, credentials) {
        (InboxAccess::Open, _) => Ok(None),
        (InboxAccess::Closed, _) => Err(FlowError::Forbidden(format!(
            "inbox `{}` is closed: give it a token, or open it, with PATCH /v1/inboxes/{}",
            inbox.name, inbox.name
        ))),
        (InboxAccess::Token { sha256 }, Some(token))
            if bool::from(digest(token.as_bytes()).as_bytes().ct_eq(sha256.as_bytes())) =>
        {
            Ok(None)
        }
        (InboxAccess::Token { .. }, shown) => {
            let service = shown.and_then(|token| service(flow, inbox, token));
            service.map(Some).ok_or_else(|| {
                FlowError::Unauthenticated(format!(
                    "inbox `{}` wants its token, as `Authorization: Bearer …` or `X-Switchboard-Token`",
                    inbox.name
                ))
            })
        }
    }
}

/// Whose token it is, if it is one of the company's services' for all inboxes or this one's department.
fn service(flow: &Flow, inbox: &Inbox, token: &str) -> Option<Bearer> {
    let bearer = flow.keyring.bearer(token, flow.now()).ok()?;
    let principal = &bearer.principal;
    let may = principal.kind == PrincipalKind::Service && principal.covers(inbox.department);
    may.then_some(bearer)
}

/// Reads a delivery and stores what it held; also the way of a delivery that is read once more.
///
/// The executor's thread that has read it hands it on to be committed, so that whoever waits here
/// wakes up once, when it is stored.
pub(super) async fn read_and_store(
    flow: &Flow,
    kept: Kept,
    inbox: Arc<Inbox>,
    mut raw: RawDelivery,
    held: Held,
) -> Result<Received, FlowError> {
    let delivery = kept.delivery;
    let adapter = flow.pipeline.load().adapter(&inbox.adapter).cloned();
    let manifest = adapter.as_ref().map(|it| &it.manifest);
    let granted = flow.safe.granted_to_read(delivery, manifest, &inbox);
    // What is kept already is hidden there too before anybody reads it.
    if granted.hide_in_delivery(&mut raw) && kept.origin == IntakeOrigin::Retry {
        flow.store.rewrite_head(delivery, &raw.head()).await?;
    }
    let raw = Arc::new(raw);
    let (answer, answered) = oneshot::channel();
    let (committer, telemetry, now) = (flow.intakes.clone(), Arc::clone(&flow.telemetry), flow.now());
    let (asked, directory) = (adapter.clone(), flow.directory.load_full());
    let lane = Lane::Receiving(inbox.department, inbox.id);
    let read = move |adapter: Option<&EnabledAdapter>| {
        let (content, response) = match adapter {
            Some(adapter) => {
                let call = adapter.adapter.receive(&inbox, &granted, &raw);
                suspend::count_adapter(adapter, &inbox, &directory, now, &call);
                overhear(&adapter.activation.plugin, delivery, &granted, &call);
                content_of_call(adapter, call, &telemetry)
            }
            None => not_enabled(&inbox.adapter),
        };
        let adapter = adapter.map(EnabledAdapter::release);
        let Kept { delivery, origin, audit } = kept;
        let is_authentic = matches!(inbox.access, InboxAccess::Token { .. })
            || matches!(origin, IntakeOrigin::Import(_))
            || granted.has_verified();
        let entry = IntakeEntry { delivery, origin, inbox, is_authentic, raw, adapter, content, audit };
        committer.hand_in(ReadDelivery { entry, response, answer, held });
    };
    match adapter {
        Some(adapter) => flow
            .plugins
            .executor()
            .start(lane, move || read(Some(&adapter)))
            .await
            .map_err(|error| FlowError::Unavailable(error.to_string()))?,
        None => read(None),
    }
    let stopping = |_| FlowError::Unavailable("the delivery was not stored; send it again".to_owned());
    let received = answered.await.map_err(stopping)?;
    if let Some(adapter) = &asked {
        suspend::suspend_adapter(flow, adapter);
    }
    if let Ok(received) = &received
        && let Some(why) = received.unauthentic()
    {
        tracing::debug!(delivery = %received.delivery, why, "a delivery is kept and not believed");
    }
    received
}

type Read = (IntakeContent, Option<Response>);

fn content_of_call(enabled: &EnabledAdapter, call: Call<ReceiveResult>, telemetry: &Telemetry) -> Read {
    let failure = call.result.as_ref().err().map(|failure| failure.kind.name());
    enabled.times.observe(call.micros);
    if let Some(failure) = failure {
        telemetry.plugin_failures(&enabled.activation.plugin, failure, 1);
    }
    match call.result {
        Ok(Ok(intake)) => content_of(intake),
        Ok(Err(rejection)) => (IntakeContent::Unparsed { reason: rejection.to_string() }, None),
        Err(failure) => (unparsed(failure.kind.name(), &failure.detail), None),
    }
}

fn not_enabled(adapter: &str) -> Read {
    (unparsed("unavailable", &format!("the adapter `{adapter}` is not enabled")), None)
}

fn unparsed(name: &str, detail: &str) -> IntakeContent {
    IntakeContent::Unparsed { reason: format!("{name}: {detail}") }
}

fn content_of(intake: Intake) -> Read {
    if intake.arrivals.is_empty() && intake.response.is_none() {
        return (unparsed("nothing-found", "the adapter found nothing in it"), None);
    }
    (IntakeContent::Arrivals(intake.arrivals), intake.response)
}
