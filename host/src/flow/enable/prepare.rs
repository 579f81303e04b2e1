//! What is enabled is prepared: compiled and configured, in the background.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use serde_json::Value;

use super::find::find_usable;
use super::preparations::Ticket;
use super::{CHANGES_MAX, audit, find_again, is_written, later_than};
use crate::domain::activation::{Activation, Preparation};
use crate::domain::principal::Principal;
use crate::flow::artefact::Wanted;
use crate::flow::{Flow, FlowError, retry};
use crate::plugin::PrepareFailure;
use crate::store::UsableRelease;

/// Prepares an activation, or the version that is to follow, in the background. A preparation of the same
/// activation that is under way is given up.
pub fn start_preparing(flow: &Flow, activation: &Activation) {
    let Some(ticket) = flow.preparations.begin(activation) else { return };
    let (task, activation) = (flow.clone(), activation.clone());
    flow.tasks.spawn(async move {
        let prepared = AssertUnwindSafe(prepare(&task, &activation, &ticket)).catch_unwind().await;
        let kept = match prepared {
            Ok(kept) => kept,
            // It would be shown as being prepared until the next start.
            Err(_) => write_prepared(&task, &activation, Some(crashed())).await.map(drop),
        };
        if let Err(error) = kept {
            tracing::error!(activation = %activation.name, %error, "the outcome of a preparation could not be kept");
        }
    });
}

/// What an activation is prepared for: the release's digest and the settings. A version that replaces one
/// which never took over has the same number, so the number does not tell them apart.
fn target(activation: &Activation) -> (&str, &Value) {
    match &activation.next {
        Some(next) => (&next.digest, &next.settings),
        None => (&activation.digest, &activation.settings),
    }
}

async fn prepare(flow: &Flow, activation: &Activation, ticket: &Ticket) -> Result<(), FlowError> {
    let (digest, settings) = target(activation);
    let wanted = Wanted { owner: activation.owner, kind: activation.kind, digest, settings };
    let Some(artefact) = ticket.unless_given_up(flow.prepare_artefact(wanted)).await else { return Ok(()) };
    let prepared = match artefact {
        Ok(()) => None,
        // The host stops: the next start takes it up.
        Err(failure) if flow.stop.is_cancelled() && failure.is_the_hosts() => return Ok(()),
        Err(failure) => {
            tracing::warn!(activation = %activation.name, %failure, "preparing failed");
            Some(failed(&failure))
        }
    };
    if !write_prepared(flow, activation, prepared).await? {
        return Ok(());
    }
    flow.pipeline_changed(&format!("{} is prepared", activation.name)).await;
    retry::after_enabling(flow, activation).await
}

/// Writes down that a preparation failed, or that it succeeded where the release is still usable, unless another one
/// is wanted by now; whether it did. Other changes may come between: they do not undo the preparation, so it is
/// written over them.
async fn write_prepared(
    flow: &Flow,
    activation: &Activation,
    failed: Option<Preparation>,
) -> Result<bool, FlowError> {
    let wanted = |it: &Activation| it.next.as_ref().map(|next| next.revision);
    for _ in 0..CHANGES_MAX {
        let Some(seen) = find_again(flow, activation).await? else { return Ok(false) };
        if wanted(&seen) != wanted(activation) || target(&seen) != target(activation) {
            return Ok(false);
        }
        let (prepared, usable) = match &failed {
            Some(failed) => (failed.clone(), None),
            None => still_usable(flow, activation).await?,
        };
        let mut after = seen.clone();
        settle(&mut after, prepared);
        after.updated_at = later_than(&seen, flow);
        let audit = audit(flow, &Principal::system(), "activation.prepared", &after);
        let changed = flow.store.change_activation(&after, seen.updated_at, usable.as_slice(), &audit).await;
        if is_written(changed)? {
            return Ok(true);
        }
    }
    Err(FlowError::Stale(format!("activation {}", activation.name)))
}

/// Whether the version that was prepared may take over: it may have been taken back meanwhile.
async fn still_usable(
    flow: &Flow,
    activation: &Activation,
) -> Result<(Preparation, Option<UsableRelease>), FlowError> {
    let version = activation.next.as_ref().map_or(&activation.version, |next| &next.version);
    match find_usable(flow, &activation.plugin, Some(version)).await {
        Ok(usable) => Ok((Preparation::Ready, Some(usable))),
        Err(why @ (FlowError::Conflict(_) | FlowError::Refused { .. })) => {
            let failed = Preparation::Failed { failure: "untrusted".to_owned(), reason: why.to_string() };
            Ok((failed, None))
        }
        Err(error) => Err(error),
    }
}

/// Writes down that a version that was ready cannot be loaded any more.
pub(in crate::flow) async fn set_failed(
    flow: &Flow,
    activation: &Activation,
    failure: &PrepareFailure,
) -> Result<(), FlowError> {
    let Some(seen) = find_again(flow, activation).await? else { return Ok(()) };
    if seen.revision != activation.revision || seen.preparation != Preparation::Ready {
        return Ok(());
    }
    let mut after = seen.clone();
    after.preparation = failed(failure);
    after.updated_at = later_than(&seen, flow);
    let audit = audit(flow, &Principal::system(), "activation.failed", &after);
    // If it was changed meanwhile, that change is looked at by the refresh that follows it.
    is_written(flow.store.change_activation(&after, seen.updated_at, &[], &audit).await).map(drop)
}

fn failed(failure: &PrepareFailure) -> Preparation {
    Preparation::Failed { failure: failure.name.clone(), reason: failure.to_string() }
}

/// Writes down how the preparation ended; a version that is ready takes over.
fn settle(activation: &mut Activation, prepared: Preparation) {
    let Some(mut next) = activation.next.take() else {
        activation.preparation = prepared;
        return;
    };
    if prepared == Preparation::Ready {
        activation.revision = next.revision;
        activation.release = next.release;
        activation.version = next.version;
        activation.digest = next.digest;
        activation.settings = next.settings;
        activation.preparation = prepared;
    } else {
        if activation.preparation == Preparation::Preparing {
            // Its own preparation was given up for this one.
            activation.preparation = never_prepared(next.revision);
        }
        next.preparation = prepared;
        activation.next = Some(next);
    }
}

/// The host's own defect: what it was is in the log.
fn crashed() -> Preparation {
    Preparation::Failed {
        failure: "crashed".to_owned(),
        reason: "the host failed unexpectedly while preparing it, and its log says how; change the settings or the \
                 version to try again"
            .to_owned(),
    }
}

fn never_prepared(replaced_by: i64) -> Preparation {
    Preparation::Failed {
        failure: "superseded".to_owned(),
        reason: format!(
            "revision {replaced_by} was to replace it before it was prepared, and could not be prepared; change \
             the settings or the version again"
        ),
    }
}

impl Flow {
    /// Takes up the preparations that an earlier run of the host did not finish.
    pub async fn resume_preparations(&self) -> Result<(), FlowError> {
        for activation in self.store.activations().await? {
            if activation.is_preparing() {
                start_preparing(self, &activation);
            }
        }
        Ok(())
    }
}
