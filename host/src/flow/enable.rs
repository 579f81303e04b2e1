//! A plugin is enabled, changed, disabled, rolled back, and its activation deleted.
//!
//! Preparing (compiling and configuring) takes a while, so it happens in the background: the answer
//! comes at once, and the activation shows how far it is. A version that is to replace another takes
//! over only when it is ready.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use self::find::find_again;
use self::find::find_usable;
pub use self::find::{as_at_work, find_release, find_seen, seen_page, unknown_plugin};
pub use self::preparations::Preparations;
pub(super) use self::prepare::set_failed;
pub use self::prepare::start_preparing;
use self::scope::{check_scope, confine, confine_kind, owner_of};
use super::pipeline::refuse_settings;
use super::{Flow, FlowError};
use crate::domain::activation::{
    Activation, ActivationVersion, AppliesTo, Mode, NextVersion, Phase, Preparation, Reach,
};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::principal::Principal;
use crate::domain::quota::Quota;
use crate::domain::release::{PluginKind, Release, check_name};
use crate::store::{ActivationAdded, ActivationRoom, AuditEntry, StoreError, StoreResult, UsableRelease};

mod find;
mod preparations;
mod prepare;
mod scope;

/// How often a change is planned anew because somebody else's came first.
pub(super) const CHANGES_MAX: usize = 16;

/// What to enable, and how.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewActivation {
    /// A unique name; the plugin's own when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// The plugin's name.
    pub plugin: String,
    /// Its version; the highest when absent.
    #[serde(default)]
    pub version: Option<String>,
    /// A policy's settings. An adapter has none here: each inbox has its own.
    #[serde(default = "no_settings")]
    pub settings: Value,
    /// The name of the department whose rule it is; absent for the company's.
    #[serde(default)]
    pub owner: Option<String>,
    /// Which cases it sees.
    #[serde(default)]
    pub applies_to: AppliesTo,
    /// Where it may send conversations.
    #[serde(default)]
    pub reach: Reach,
    /// Its phase; `route` when absent.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// Its place within the phase, lower first; 0 when absent.
    #[serde(default)]
    pub rank: Option<i32>,
    /// Whether it counts; `shadow` when absent.
    #[serde(default)]
    pub mode: Mode,
    /// What is done when it fails; `skip` when absent.
    #[serde(default)]
    pub on_failure: FailurePolicy,
}

/// What to change about an activation; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ActivationChange {
    /// Another version of the plugin.
    pub version: Option<String>,
    /// Other settings, as a whole.
    pub settings: Option<Value>,
    /// Another scope, as a whole.
    pub applies_to: Option<AppliesTo>,
    /// Another reach.
    pub reach: Option<Reach>,
    /// Another phase.
    pub phase: Option<Phase>,
    /// Another place within the phase.
    pub rank: Option<i32>,
    /// Another mode; `disabled` switches it off, and any mode, even the present one, ends every suspension.
    pub mode: Option<Mode>,
    /// What else is done when it fails.
    pub on_failure: Option<FailurePolicy>,
}

fn no_settings() -> Value {
    Value::Object(serde_json::Map::new())
}

/// Enables a plugin. It is asked from the moment its preparation is ready.
pub async fn enable(
    flow: &Flow,
    principal: &Principal,
    wanted: NewActivation,
) -> Result<Activation, FlowError> {
    let name = wanted.name.clone().unwrap_or_else(|| wanted.plugin.clone());
    check_name(&name).map_err(|error| FlowError::invalid("/name", error.to_string()))?;
    let usable = find_usable(flow, &wanted.plugin, wanted.version.as_deref()).await?;
    let release = &usable.release;
    check_settings(flow, principal, release, &wanted.settings).await?;
    check_scope(flow, principal, &wanted.applies_to)?;
    let owner = owner_of(flow, principal, wanted.owner.as_deref())?;
    confine_kind(principal, release.manifest.kind)?;
    let now = flow.now();
    let mut activation = Activation {
        id: flow.id(),
        name,
        kind: release.manifest.kind,
        plugin: release.manifest.name.clone(),
        version: release.manifest.version.clone(),
        release: release.id,
        digest: release.digest.clone(),
        settings: wanted.settings,
        owner,
        applies_to: wanted.applies_to.without_repetitions(),
        reach: wanted.reach,
        phase: wanted.phase.unwrap_or_default(),
        rank: wanted.rank.unwrap_or_default(),
        mode: wanted.mode,
        on_failure: wanted.on_failure,
        preparation: Preparation::Preparing,
        revision: 1,
        next: None,
        suspension: None,
        suspended_revisions: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    confine(flow, principal, &mut activation)?;
    let audit = audit(flow, principal, "activation.enable", &activation);
    let room = ActivationRoom {
        activations: flow.quota(owner, Quota::Activations),
        preparing: flow.quota(owner, Quota::WaitingPreparations),
    };
    match flow.store.add_activation(&activation, room, &[usable], &audit).await? {
        ActivationAdded::Added => {}
        ActivationAdded::AdapterIsEnabled { name } => return Err(second_adapter(&activation, &name)),
    }
    start_preparing(flow, &activation);
    Ok(activation)
}

/// Changes an activation, if it still has the `expected` tag where one is given. New settings or another
/// version are prepared first; the rest counts at once.
pub async fn change(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    change: ActivationChange,
    expected: Option<i64>,
) -> Result<Activation, FlowError> {
    let before = find_expected(flow, principal, name, expected).await?;
    let mut after = before.clone();
    let ends_suspensions = change.mode.is_some();
    if let Some(applies_to) = change.applies_to {
        check_scope(flow, principal, &applies_to)?;
        after.applies_to = applies_to.without_repetitions();
    }
    after.reach = change.reach.unwrap_or(after.reach);
    after.phase = change.phase.unwrap_or(after.phase);
    after.rank = change.rank.unwrap_or(after.rank);
    after.on_failure = change.on_failure.unwrap_or(after.on_failure);
    confine(flow, principal, &mut after)?;
    let mut usable = Vec::new();
    if let Some(mode) = change.mode {
        // What it would be asked with at once, whatever is to follow.
        if mode != Mode::Disabled && (mode != before.mode || before.is_suspended()) {
            usable.push(find_usable(flow, &after.plugin, Some(&after.version)).await?);
        }
        after.mode = mode;
        after.suspension = None;
    }
    if change.version.is_some() || change.settings.is_some() {
        let version = change.version.unwrap_or_else(|| after.version.clone());
        let settings = change.settings.unwrap_or_else(|| after.settings.clone());
        let next = find_usable(flow, &after.plugin, Some(&version)).await?;
        check_settings(flow, principal, &next.release, &settings).await?;
        after.next = Some(next_version(&after, &next.release, settings));
        usable.push(next);
    }
    let change = Change { action: "activation.change", before: &before, usable };
    let changed = commit(flow, principal, change, after).await?;
    if ends_suspensions && let Some(health) = flow.pipeline.load().health(changed.id) {
        health.reset();
    }
    if before.mode == Mode::Disabled && changed.mode != Mode::Disabled {
        read_again(flow, &changed);
    }
    Ok(changed)
}

/// Reads in the background what came while the adapter was switched off.
fn read_again(flow: &Flow, activation: &Activation) {
    let (task, activation) = (flow.clone(), activation.clone());
    flow.tasks.spawn(async move {
        if let Err(error) = super::retry::after_enabling(&task, &activation).await {
            tracing::error!(activation = %activation.name, %error, "kept deliveries could not be read again");
        }
    });
}

/// Puts an earlier version of release and settings back, as a new version; the one before the
/// present when none is named. Only if the activation still has the `expected` tag where one is given.
pub async fn roll_back(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    to_revision: Option<i64>,
    expected: Option<i64>,
) -> Result<Activation, FlowError> {
    let before = find_expected(flow, principal, name, expected).await?;
    let versions = flow.store.activation_versions(before.id).await?;
    let target = match to_revision {
        Some(revision) => versions.iter().find(|it| it.revision == revision),
        // Which one is meant depends on whether the next one has taken over by then.
        None if before.is_next_preparing() => None,
        None => versions.iter().find(|it| it.revision < before.revision),
    };
    let Some(target) = target else { return Err(nothing_to_put_back(&before, &versions, to_revision)) };
    let usable = find_usable(flow, &before.plugin, Some(&target.version)).await?;
    let mut after = before.clone();
    confine(flow, principal, &mut after)?;
    after.next = Some(next_version(&after, &usable.release, target.settings.clone()));
    let change = Change { action: "activation.roll-back", before: &before, usable: vec![usable] };
    commit(flow, principal, change, after).await
}

/// Deletes an activation that is switched off, with its versions: its name and its place among those of its owner
/// are free. What was decided goes on saying what it was. Only if it still has the `expected` tag where one is given.
pub async fn delete(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    expected: Option<i64>,
) -> Result<Activation, FlowError> {
    let before = find_expected(flow, principal, name, expected).await?;
    confine_kind(principal, before.kind)?;
    if before.mode != Mode::Disabled {
        let detail = format!("`{name}` is switched on, and a rule that vanishes is no way to switch one off");
        let remedy = format!(
            "switch it off with PATCH /v1/activations/{name} and {{\"mode\":\"disabled\"}}, see that nothing misses \
             it, and delete it then"
        );
        return Err(FlowError::NotYet { detail, remedy });
    }
    let audit = audit(flow, principal, "activation.delete", &before);
    flow.store.delete_activation(&before, before.updated_at, &audit).await?;
    flow.preparations.give_up(before.id);
    flow.pipeline_changed(&format!("activation.delete {name}")).await;
    Ok(before)
}

/// Why there is nothing that this rolls back to: not yet, or not at all.
fn nothing_to_put_back(
    activation: &Activation,
    versions: &[ActivationVersion],
    to_revision: Option<i64>,
) -> FlowError {
    let (name, present) = (&activation.name, activation.revision);
    if let Some(next) = &activation.next
        && activation.is_next_preparing()
        && to_revision.is_none_or(|it| it == next.revision)
    {
        let detail = format!(
            "revision {} of `{name}` is still being prepared and revision {present} at work: there is nothing \
             to roll back until the one has taken over from the other",
            next.revision
        );
        let remedy = format!(
            "look at GET /v1/activations/{name} until it shows no `next` that is `preparing`, and ask again; or \
             keep revision {present}, whatever is being prepared, with {{\"to_revision\":{present}}}"
        );
        return FlowError::NotYet { detail, remedy };
    }
    let known: Vec<_> = versions.iter().map(|it| it.revision.to_string()).collect();
    let wanted = to_revision.map_or("earlier revision".to_owned(), |it| format!("revision {it}"));
    let coming = match &activation.next {
        Some(next) => format!("; revision {} has not taken over", next.revision),
        None => String::new(),
    };
    FlowError::NotFound(format!("`{name}` has no {wanted}; it has: {}{coming}", known.join(", ")))
}

/// What a change is, and what it was planned by.
struct Change<'a> {
    action: &'static str,
    before: &'a Activation,
    usable: Vec<UsableRelease>,
}

async fn commit(
    flow: &Flow,
    principal: &Principal,
    change: Change<'_>,
    mut after: Activation,
) -> Result<Activation, FlowError> {
    let Change { action, before, usable } = change;
    after.updated_at = later_than(before, flow);
    let audit = audit(flow, principal, action, &after);
    let preparing = flow.quota(after.owner, Quota::WaitingPreparations);
    flow.store.plan_activation(&after, before.updated_at, &usable, preparing, &audit).await?;
    // Before the pipeline, which may take its time: a superseded preparation ends at once.
    if after.is_next_preparing() && after.next != before.next {
        start_preparing(flow, &after);
    }
    flow.pipeline_changed(&format!("{action} {}", after.name)).await;
    Ok(after)
}

/// Changes with every change, unlike `revision`, which counts versions of release and settings alone.
pub fn tag(activation: &Activation) -> i64 {
    activation.updated_at.as_ms()
}

/// The activation of this name, with the tag that the caller expects. It is compared once more by the write:
/// of two changes that expect the same, one is written.
async fn find_expected(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    expected: Option<i64>,
) -> Result<Activation, FlowError> {
    let found = find_seen(flow, principal, name).await?;
    match expected {
        Some(seen) if seen != tag(&found) => Err(FlowError::Stale(format!("activation {name}"))),
        _ => Ok(found),
    }
}

/// The compare-and-set goes by `updated_at`, so it grows even when the clock stands.
pub(super) fn later_than(before: &Activation, flow: &Flow) -> crate::domain::time::Timestamp {
    flow.now().max(before.updated_at.plus_ms(1))
}

/// A version to follow the present one.
pub(super) fn next_version(activation: &Activation, release: &Release, settings: Value) -> NextVersion {
    NextVersion {
        revision: activation.revision + 1,
        release: release.id,
        version: release.manifest.version.clone(),
        digest: release.digest.clone(),
        settings,
        preparation: Preparation::Preparing,
    }
}

/// Checks settings as the plugin's schema has it, on the caller's account.
async fn check_settings(
    flow: &Flow,
    principal: &Principal,
    release: &Release,
    settings: &Value,
) -> Result<(), FlowError> {
    match release.manifest.kind {
        PluginKind::Policy => {
            let schema = &release.manifest.settings_schema;
            refuse_settings(flow.plugins.check_settings(principal.department, schema, settings).await?)
        }
        PluginKind::ChannelAdapter if *settings == no_settings() => Ok(()),
        PluginKind::ChannelAdapter => Err(FlowError::invalid(
            "/settings",
            "an adapter has no settings here: give them to each inbox that uses it",
        )),
    }
}

/// Inboxes name their adapter by plugin, so one activation of it is enough and two would be a riddle.
fn second_adapter(wanted: &Activation, there: &str) -> FlowError {
    FlowError::Conflict(format!(
        "the adapter {} is enabled already, as `{there}`; change that activation's version instead",
        wanted.plugin
    ))
}

/// Whether a change was written; not if somebody else's came first, and then it is planned anew.
pub(super) fn is_written(done: StoreResult<()>) -> Result<bool, FlowError> {
    match done {
        Ok(()) => Ok(true),
        Err(StoreError::Stale(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn audit(flow: &Flow, principal: &Principal, action: &str, activation: &Activation) -> AuditEntry {
    let revision = activation.next.as_ref().map_or(activation.revision, |next| next.revision);
    let detail =
        serde_json::json!({ "revision": revision, "mode": activation.mode, "digest": activation.digest });
    flow.audit(principal, action, &activation.id.to_string(), detail)
}
