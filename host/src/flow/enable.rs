//! A plugin is enabled, changed, disabled, rolled back.
//!
//! Preparing (compiling and configuring) takes a while, so it happens in the background: the answer
//! comes at once, and the activation shows how far it is. A version that is to replace another takes
//! over only when it is ready.

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::scope::{check_scope, confine, confine_kind, owner_of};
use super::artefact::Wanted;
use super::pipeline::refuse_settings;
use super::sign::check_trusted;
use super::{Flow, FlowError};
use crate::domain::activation::{Activation, AppliesTo, Mode, NextVersion, Phase, Preparation, Reach};
use crate::domain::failure_policy::FailurePolicy;
use crate::domain::principal::Principal;
use crate::domain::release::{PluginKind, Release, check_name};
use crate::plugin::{PrepareFailure, validate_settings};
use crate::store::AuditEntry;

mod scope;

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
    /// Another mode; `disabled` switches it off, and any mode, even the present one, ends a suspension.
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
    let release = find_usable(flow, &wanted.plugin, wanted.version.as_deref()).await?;
    check_settings(&release, &wanted.settings)?;
    check_scope(flow, principal, &wanted.applies_to)?;
    let owner = owner_of(flow, principal, wanted.owner.as_deref())?;
    confine_kind(principal, release.manifest.kind)?;
    refuse_second_adapter(flow, &release).await?;
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
        applies_to: wanted.applies_to,
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
    flow.store.add_activation(&activation, &audit).await?;
    start_preparing(flow, &activation);
    Ok(activation)
}

/// Changes an activation. New settings or another version are prepared first; the rest counts at
/// once.
pub async fn change(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    change: ActivationChange,
) -> Result<Activation, FlowError> {
    let before = find_seen(flow, principal, name).await?;
    let mut after = before.clone();
    if let Some(applies_to) = change.applies_to {
        check_scope(flow, principal, &applies_to)?;
        after.applies_to = applies_to;
    }
    after.reach = change.reach.unwrap_or(after.reach);
    after.phase = change.phase.unwrap_or(after.phase);
    after.rank = change.rank.unwrap_or(after.rank);
    after.on_failure = change.on_failure.unwrap_or(after.on_failure);
    confine(flow, principal, &mut after)?;
    if let Some(mode) = change.mode {
        // What it would be asked with at once, whatever is to follow.
        if mode != Mode::Disabled && (mode != before.mode || before.is_suspended()) {
            find_usable(flow, &after.plugin, Some(&after.version)).await?;
        }
        after.mode = mode;
        after.suspension = None;
    }
    if change.version.is_some() || change.settings.is_some() {
        let version = change.version.unwrap_or_else(|| after.version.clone());
        let settings = change.settings.unwrap_or_else(|| after.settings.clone());
        let release = find_usable(flow, &after.plugin, Some(&version)).await?;
        check_settings(&release, &settings)?;
        after.next = Some(next_version(&after, &release, settings));
    }
    let changed = commit(flow, principal, "activation.change", &before, after).await?;
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
/// present when none is named.
pub async fn roll_back(
    flow: &Flow,
    principal: &Principal,
    name: &str,
    to_revision: Option<i64>,
) -> Result<Activation, FlowError> {
    let before = find_seen(flow, principal, name).await?;
    let versions = flow.store.activation_versions(before.id).await?;
    let target = match to_revision {
        Some(revision) => versions.iter().find(|it| it.revision == revision),
        None => versions.iter().find(|it| it.revision < before.revision),
    };
    let Some(target) = target else {
        let known: Vec<_> = versions.iter().map(|it| it.revision.to_string()).collect();
        let wanted = to_revision.map_or("earlier revision".to_owned(), |it| format!("revision {it}"));
        let coming = match &before.next {
            Some(next) => format!("; revision {} has not taken over yet", next.revision),
            None => String::new(),
        };
        let message = format!("`{name}` has no {wanted}; it has: {}{coming}", known.join(", "));
        return Err(FlowError::NotFound(message));
    };
    let release = find_usable(flow, &before.plugin, Some(&target.version)).await?;
    let mut after = before.clone();
    confine(flow, principal, &mut after)?;
    after.next = Some(next_version(&after, &release, target.settings.clone()));
    commit(flow, principal, "activation.roll-back", &before, after).await
}

async fn commit(
    flow: &Flow,
    principal: &Principal,
    action: &str,
    before: &Activation,
    mut after: Activation,
) -> Result<Activation, FlowError> {
    after.updated_at = later_than(before, flow);
    let audit = audit(flow, principal, action, &after);
    flow.store.change_activation(&after, before.updated_at, &audit).await?;
    flow.refresh_pipeline(&format!("{action} {}", after.name)).await?;
    if after.next.as_ref().is_some_and(|next| next.preparation == Preparation::Preparing) {
        start_preparing(flow, &after);
    }
    Ok(after)
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

/// The activations that the caller may see.
pub async fn seen(flow: &Flow, principal: &Principal) -> Result<Vec<Activation>, FlowError> {
    let all = flow.store.activations().await?;
    Ok(all.into_iter().filter(|it| principal.covers_owner(it.owner)).collect())
}

/// The activation of this name, if the caller may see it.
pub async fn find_seen(flow: &Flow, principal: &Principal, name: &str) -> Result<Activation, FlowError> {
    let seen = seen(flow, principal).await?;
    match seen.iter().find(|it| it.name == name) {
        Some(found) => Ok(found.clone()),
        None => Err(FlowError::unknown("activation", name, seen.iter().map(|it| it.name.as_str()))),
    }
}

/// The activation of this name.
pub(super) async fn find(flow: &Flow, name: &str) -> Result<Activation, FlowError> {
    find_seen(flow, &Principal::system(), name).await
}

/// The same, if it may be enabled now.
async fn find_usable(flow: &Flow, plugin: &str, version: Option<&str>) -> Result<Release, FlowError> {
    let release = find_release(flow, plugin, version).await?;
    if let Some(reason) = release.yanked() {
        let (name, version) = (&release.manifest.name, &release.manifest.version);
        return Err(FlowError::Conflict(format!(
            "{name}@{version} was taken back: {reason}; use another version"
        )));
    }
    check_trusted(flow, &release).await?;
    Ok(release)
}

/// The release of this version; when none is named, of the highest one that was not taken back.
pub(super) async fn find_release(
    flow: &Flow,
    plugin: &str,
    version: Option<&str>,
) -> Result<Release, FlowError> {
    let versions = flow.store.versions(plugin).await?;
    if versions.is_empty() {
        return Err(unknown_plugin(flow, plugin).await?);
    }
    let found = match version {
        Some(version) => versions.iter().find(|it| it.manifest.version == version),
        None => versions
            .iter()
            .filter(|it| it.yanked().is_none())
            .max_by_key(|it| Version::parse(&it.manifest.version).ok()),
    };
    found.cloned().ok_or_else(|| {
        if version.is_none() {
            return FlowError::Conflict(format!("every version of {plugin} was taken back; publish another"));
        }
        let kind = format!("version of {plugin}");
        FlowError::unknown(
            &kind,
            version.unwrap_or_default(),
            versions.iter().map(|it| it.manifest.version.as_str()),
        )
    })
}

async fn unknown_plugin(flow: &Flow, plugin: &str) -> Result<FlowError, FlowError> {
    let page = crate::store::PageRequest { after: None, limit: 50 };
    let known = flow.store.releases("", page).await?;
    let mut names: Vec<_> = known.entries.iter().map(|it| it.manifest.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    Ok(FlowError::unknown("published plugin", plugin, names))
}

fn check_settings(release: &Release, settings: &Value) -> Result<(), FlowError> {
    match release.manifest.kind {
        PluginKind::Policy => refuse_settings(validate_settings(&release.manifest.settings_schema, settings)),
        PluginKind::ChannelAdapter if *settings == no_settings() => Ok(()),
        PluginKind::ChannelAdapter => Err(FlowError::invalid(
            "/settings",
            "an adapter has no settings here: give them to each inbox that uses it",
        )),
    }
}

/// Inboxes name their adapter by plugin, so one activation of it is enough and two would be a riddle.
async fn refuse_second_adapter(flow: &Flow, release: &Release) -> Result<(), FlowError> {
    if release.manifest.kind != PluginKind::ChannelAdapter {
        return Ok(());
    }
    let all = flow.store.activations().await?;
    match all.iter().find(|it| it.plugin == release.manifest.name) {
        Some(there) => Err(FlowError::Conflict(format!(
            "the adapter {} is enabled already, as `{}`; change that activation's version instead",
            there.plugin, there.name
        ))),
        None => Ok(()),
    }
}

fn audit(flow: &Flow, principal: &Principal, action: &str, activation: &Activation) -> AuditEntry {
    let revision = activation.next.as_ref().map_or(activation.revision, |next| next.revision);
    let detail =
        serde_json::json!({ "revision": revision, "mode": activation.mode, "digest": activation.digest });
    flow.audit(principal, action, &activation.id.to_string(), detail)
}

/// Prepares an activation, or the version that is to follow, in the background.
pub fn start_preparing(flow: &Flow, activation: &Activation) {
    let (task, activation) = (flow.clone(), activation.clone());
    flow.tasks.spawn(async move {
        if let Err(error) = prepare(&task, &activation).await {
            tracing::error!(activation = %activation.name, %error, "the outcome of a preparation could not be kept");
        }
    });
}

async fn prepare(flow: &Flow, activation: &Activation) -> Result<(), FlowError> {
    let (digest, settings) = match &activation.next {
        Some(next) => (next.digest.clone(), next.settings.clone()),
        None => (activation.digest.clone(), activation.settings.clone()),
    };
    let wanted =
        Wanted { owner: activation.owner, kind: activation.kind, digest: &digest, settings: &settings };
    let prepared = match flow.artefact(wanted).await {
        Ok(_) => still_usable(flow, activation).await?,
        Err(failure) => {
            tracing::warn!(activation = %activation.name, %failure, "preparing failed");
            failed(&failure)
        }
    };
    let wanted = activation.next.as_ref().map(|next| next.revision);
    // Other changes may come between: they do not undo the preparation, so it is written over them.
    loop {
        let seen = find(flow, &activation.name).await?;
        if seen.next.as_ref().map(|next| next.revision) != wanted {
            return Ok(());
        }
        let mut after = seen.clone();
        settle(&mut after, prepared.clone());
        after.updated_at = later_than(&seen, flow);
        let audit = audit(flow, &Principal::system(), "activation.prepared", &after);
        match flow.store.change_activation(&after, seen.updated_at, &audit).await.map_err(FlowError::from) {
            Ok(()) => break,
            Err(FlowError::Stale(_)) => {}
            Err(other) => return Err(other),
        }
    }
    flow.refresh_pipeline(&format!("{} is prepared", activation.name)).await?;
    super::retry::after_enabling(flow, activation).await
}

/// Whether the version that was prepared may take over: it may have been taken back meanwhile.
async fn still_usable(flow: &Flow, activation: &Activation) -> Result<Preparation, FlowError> {
    let version = activation.next.as_ref().map_or(&activation.version, |next| &next.version);
    match find_usable(flow, &activation.plugin, Some(version)).await {
        Ok(_) => Ok(Preparation::Ready),
        Err(why @ (FlowError::Conflict(_) | FlowError::Refused { .. })) => {
            Ok(Preparation::Failed { failure: "untrusted".to_owned(), reason: why.to_string() })
        }
        Err(error) => Err(error),
    }
}

/// Writes down that a version that was ready cannot be loaded any more.
pub(super) async fn set_failed(
    flow: &Flow,
    activation: &Activation,
    failure: &PrepareFailure,
) -> Result<(), FlowError> {
    let seen = find(flow, &activation.name).await?;
    if seen.revision != activation.revision || seen.preparation != Preparation::Ready {
        return Ok(());
    }
    let mut after = seen.clone();
    after.preparation = failed(failure);
    after.updated_at = later_than(&seen, flow);
    let audit = audit(flow, &Principal::system(), "activation.failed", &after);
    Ok(flow.store.change_activation(&after, seen.updated_at, &audit).await?)
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
        next.preparation = prepared;
        activation.next = Some(next);
    }
}

impl Flow {
    /// Takes up the preparations that an earlier run of the host did not finish.
    pub async fn resume_preparations(&self) -> Result<(), FlowError> {
        for activation in self.store.activations().await? {
            let waits = match &activation.next {
                Some(next) => next.preparation == Preparation::Preparing,
                None => activation.preparation == Preparation::Preparing,
            };
            if waits {
                start_preparing(self, &activation);
            }
        }
        Ok(())
    }
}
