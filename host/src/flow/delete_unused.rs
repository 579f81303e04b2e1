//! Compiled plugins and components that no activation can use any more are deleted after a while.
//!
//! An activation uses what it runs, what is to follow, and its last [`VERSIONS_USED`] versions, so that rolling
//! back takes no compiling. Everything else that was compiled, also by an older engine, can be made again and is
//! deleted. The component of a release is deleted only if the release is yanked and no activation runs it; the
//! release itself stays, so that its version is never given to other bytes. A generation is deleted if it is none of
//! the last [`GENERATIONS_KEPT`](crate::store::GENERATIONS_KEPT) and no decision names it.

use std::collections::{HashMap, HashSet};

use super::artefact::Wanted;
use super::{Flow, FlowError};
use crate::domain::activation::{Activation, ActivationVersion};
use crate::domain::quota::Owner;
use crate::domain::time::Timestamp;
use crate::store::Sweep;

/// How many versions of an activation, the present one among them, keep what they were compiled to.
pub const VERSIONS_USED: usize = 5;

const DAY_MS: i64 = 24 * 3_600_000;

/// How long an artefact is kept that nothing uses: who tries settings goes back to the former ones within a day.
pub const ARTEFACTS_KEPT_MS: i64 = DAY_MS;

/// How long the component of a yanked release is kept: a yank by mistake is noticed within a month.
pub const COMPONENTS_KEPT_MS: i64 = 30 * DAY_MS;

/// Deletes what has been unused for long enough.
pub async fn delete_unused(flow: &Flow) -> Result<(), FlowError> {
    let activations = flow.store.activations().await?;
    let used = used_artefacts(flow, &activations).await?;
    let artefacts = flow.store.sweep_artefacts(&used, sweep(flow.now(), ARTEFACTS_KEPT_MS)).await?;
    let digests: HashSet<_> = activations.iter().flat_map(digests_of).collect();
    let components = flow.store.sweep_components(&digests, sweep(flow.now(), COMPONENTS_KEPT_MS)).await?;
    let generations = flow.store.sweep_generations().await?;
    if artefacts + components + generations > 0 {
        tracing::info!(
            artefacts,
            components,
            generations,
            "compiled plugins, components and generations that nothing uses are deleted"
        );
    }
    Ok(())
}

/// Deletes at once what this owner does not use.
pub(super) async fn make_room(flow: &Flow, owner: Owner) -> Result<(), FlowError> {
    let activations = flow.store.activations().await?;
    let used = used_artefacts(flow, &activations).await?;
    let sweep = Sweep { at_once: Some(owner), ..sweep(flow.now(), ARTEFACTS_KEPT_MS) };
    flow.store.sweep_artefacts(&used, sweep).await?;
    Ok(())
}

fn sweep(now: Timestamp, kept_ms: i64) -> Sweep {
    Sweep { now, unused_before: now.plus_ms(-kept_ms), at_once: None }
}

fn digests_of(activation: &Activation) -> impl Iterator<Item = String> {
    let next = activation.next.as_ref().map(|it| it.digest.clone());
    std::iter::once(activation.digest.clone()).chain(next)
}

/// The keys of the artefacts in use, and to whom each counts.
async fn used_artefacts(
    flow: &Flow,
    activations: &[Activation],
) -> Result<HashMap<String, Owner>, FlowError> {
    let mut used = HashMap::new();
    for activation in activations {
        let present = Wanted::by(activation);
        let next = activation.next.as_ref();
        let next = next.map(|it| Wanted { digest: &it.digest, settings: &it.settings, ..present });
        let versions = flow.store.activation_versions(activation.id).await?;
        let of_version = |it: &ActivationVersion| {
            flow.made_of(Wanted { digest: &it.digest, settings: &it.settings, ..present }).key()
        };
        let keys = versions.iter().take(VERSIONS_USED).map(of_version);
        let keys = keys.chain([Some(present), next].into_iter().flatten().map(|it| flow.made_of(it).key()));
        used.extend(keys.map(|key| (key, activation.owner)));
    }
    Ok(used)
}
