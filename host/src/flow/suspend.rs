//! An activation that fails too often for the whole company is suspended, and its last good version put back.
//!
//! Its failures cost the others nothing in the meantime: they are called all the same, and from the failure that
//! was too many on it is not called any more, even before this is written down. Where there is no version to put
//! back it stays in the pipeline, is called on trial, and its suspension ends when a trial succeeds.
//!
//! An adapter is suspended only in favour of another version. What it fails on is kept and read again
//! later; without it nothing at all would be read, and who writes could bring that about.

use std::sync::Arc;

use super::enable::{self, CHANGES_MAX, find_again, is_written, later_than, next_version, start_preparing};
use super::health::{HealthChange, Tripped};
use super::pipeline::{EnabledAdapter, Pipeline};
use super::sign;
use super::{Flow, FlowError};
use crate::domain::activation::{Activation, Suspension};
use crate::domain::breaker::scopes::Scope;
use crate::domain::decision::FailureRecord;
use crate::domain::organisation::{Directory, Inbox};
use crate::domain::principal::Principal;
use crate::domain::release::PluginKind;
use crate::domain::time::Timestamp;
use crate::plugin::{Call, FailureKind};

/// Writes which policies of this pipeline failed too often for the whole company, and which work again.
pub(super) async fn suspend_tripped(flow: &Flow, pipeline: &Pipeline) -> Result<(), FlowError> {
    for policy in &pipeline.policies {
        let Some(change) = policy.health.change() else { continue };
        match &change {
            HealthChange::Suspend(tripped) => suspend(flow, &policy.activation, tripped).await?,
            HealthChange::Resume => resume(flow, &policy.activation).await?,
        }
        policy.health.written(&change);
    }
    Ok(())
}

/// Counts an adapter's call for an inbox. What the host lacks counts neither way.
pub(super) fn count_adapter<T>(
    enabled: &EnabledAdapter,
    inbox: &Inbox,
    directory: &Directory,
    now: Timestamp,
    call: &Call<T>,
) {
    let failure = call.result.as_ref().err();
    if failure.is_some_and(|it| it.kind == FailureKind::Unavailable) {
        return;
    }
    let failure =
        failure.map(|it| FailureRecord { name: it.kind.name().to_owned(), detail: it.detail.clone() });
    let served = || directory.inboxes_of_adapter(&enabled.activation.plugin);
    // Only failures are spread.
    let served = if failure.is_some() { served() } else { 0 };
    enabled.health.count_delivery(now, (inbox.id, inbox.department), served, failure.as_ref());
}

/// Has an adapter suspended in the background if it has just failed too often.
pub(super) fn suspend_adapter(flow: &Flow, enabled: &Arc<EnabledAdapter>) {
    let Some(tripped) = enabled.health.just_tripped() else { return };
    let (task, enabled) = (flow.clone(), Arc::clone(enabled));
    flow.tasks.spawn(async move {
        if let Err(error) = suspend(&task, &enabled.activation, &tripped).await {
            tracing::error!(activation = %enabled.activation.name, %error, "an adapter that failed too often could not be suspended");
        }
    });
}

async fn suspend(flow: &Flow, activation: &Activation, tripped: &Tripped) -> Result<(), FlowError> {
    let Some(after) = write_suspended(flow, activation, tripped).await? else { return Ok(()) };
    tracing::warn!(activation = %after.name, revision = after.revision, failure = %tripped.failure.name,
        "an activation failed too often and is suspended");
    if after.kind == PluginKind::ChannelAdapter {
        flow.telemetry.suspension(&after.name, tripped.too_much.name(), Scope::Company.name());
    }
    flow.pipeline_changed(&format!("{} failed too often", after.name)).await;
    if after.suspension.as_ref().is_some_and(|it| it.put_back.is_some()) {
        start_preparing(flow, &after);
    }
    Ok(())
}

/// Writes it down, unless it is out of date or would leave an inbox without an adapter.
async fn write_suspended(
    flow: &Flow,
    activation: &Activation,
    tripped: &Tripped,
) -> Result<Option<Activation>, FlowError> {
    for _ in 0..CHANGES_MAX {
        let Some(seen) = find_again(flow, activation).await? else { return Ok(None) };
        if seen.revision != activation.revision || seen.is_suspended() || !seen.is_asked() {
            // Another version is at work already, or somebody was faster.
            return Ok(None);
        }
        let after = suspended(flow, &seen, tripped).await?;
        if after.kind == PluginKind::ChannelAdapter && after.next.is_none() {
            tracing::warn!(activation = %after.name, failure = %tripped.failure.name,
                "an adapter fails too often, and there is no earlier version to put back");
            return Ok(None);
        }
        let audit =
            flow.audit(&Principal::system(), "activation.suspend", &seen.id.to_string(), detail(&after));
        if is_written(flow.store.change_activation(&after, seen.updated_at, &[], &audit).await)? {
            return Ok(Some(after));
        }
    }
    Err(FlowError::Stale(format!("activation {}", activation.name)))
}

/// Ends the suspension of a policy of which a call on trial succeeded.
async fn resume(flow: &Flow, activation: &Activation) -> Result<(), FlowError> {
    for _ in 0..CHANGES_MAX {
        let Some(seen) = find_again(flow, activation).await? else { return Ok(()) };
        if seen.revision != activation.revision || !seen.is_suspended() {
            return Ok(());
        }
        let mut after = seen.clone();
        after.updated_at = later_than(&seen, flow);
        after.resume();
        let detail = serde_json::json!({ "revision": after.revision, "digest": after.digest });
        let audit = flow.audit(&Principal::system(), "activation.resume", &seen.id.to_string(), detail);
        if is_written(flow.store.change_activation(&after, seen.updated_at, &[], &audit).await)? {
            tracing::info!(activation = %after.name, revision = after.revision,
                "a suspended policy succeeded on trial and is called again");
            return flow.refresh_pipeline(&format!("{} works again", after.name)).await;
        }
    }
    Err(FlowError::Stale(format!("activation {}", activation.name)))
}

/// The activation with its present version suspended, and the last good one as the next. One that is
/// being prepared already is left to take over instead.
async fn suspended(flow: &Flow, seen: &Activation, tripped: &Tripped) -> Result<Activation, FlowError> {
    let mut after = seen.clone();
    after.updated_at = later_than(seen, flow);
    let mut put_back = None;
    if seen.next.is_none() {
        let versions = flow.store.activation_versions(seen.id).await?;
        if let Some(good) = seen.last_good(&versions) {
            let release = enable::find_release(flow, &seen.plugin, Some(&good.version)).await?;
            // What was taken back is not put back.
            if release.yanked().is_none() && sign::distrust(flow, &release).await?.is_none() {
                after.next = Some(next_version(seen, &release, good.settings.clone()));
                put_back = Some(good.revision);
            }
        }
    }
    let Tripped { at, too_much, failure } = tripped.clone();
    after.suspend(Suspension { revision: seen.revision, at, too_much, failure, put_back });
    Ok(after)
}

/// For the audit log: no texts, because a failure's may quote what a customer wrote.
fn detail(after: &Activation) -> serde_json::Value {
    let suspension = after.suspension.as_ref();
    serde_json::json!({
        "revision": after.revision,
        "digest": after.digest,
        "failure": suspension.map(|it| it.failure.name.as_str()),
        "too_much": suspension.map(|it| it.too_much),
        "put_back": suspension.and_then(|it| it.put_back),
    })
}
