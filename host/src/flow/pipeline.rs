//! What is enabled now: the loaded policies in their order, and the adapters by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::artefact::Wanted;
use super::health::Health;
use super::{FieldError, Flow, FlowError, enable};
use crate::domain::activation::Activation;
use crate::domain::case::CaseField;
use crate::domain::generation::{Generation, GenerationEntry};
use crate::domain::ids::{ActivationId, DepartmentId, GenerationId};
use crate::domain::proposal::ProposalKind;
use crate::domain::release::{Manifest, PluginKind};
use crate::plugin::{Adapter, Artefact, Lane, Policy, PrepareFailure, settings_digest};
use crate::store::{CaseNeeds, StoreError};
use crate::telemetry::CallTimes;

/// A policy, ready to be asked.
pub struct EnabledPolicy {
    /// How it is enabled.
    pub activation: Activation,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// What every decision says of it.
    pub named: Named,
    /// The code.
    pub policy: Policy,
    /// How its calls go.
    pub health: Arc<Health>,
    /// How long they take.
    pub times: CallTimes,
}

/// What identifies a policy in a decision.
#[derive(Clone, Debug)]
pub struct Named {
    /// The activation's name.
    pub name: Arc<str>,
    /// The release, `name@version`.
    pub release: Arc<str>,
    /// SHA-256 of the release, hexadecimal.
    pub digest: Arc<str>,
    /// SHA-256 of the settings, hexadecimal.
    pub settings_digest: Arc<str>,
}

impl Named {
    fn of(activation: &Activation) -> Self {
        Self {
            name: activation.name.as_str().into(),
            release: format!("{}@{}", activation.plugin, activation.version).into(),
            digest: activation.digest.as_str().into(),
            settings_digest: settings_digest(&activation.settings).into(),
        }
    }
}

/// An adapter, ready to read.
pub struct EnabledAdapter {
    /// How it is enabled.
    pub activation: Activation,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// The code.
    pub adapter: Adapter,
    /// How its calls go.
    pub health: Arc<Health>,
    /// How long it takes to read.
    pub times: CallTimes,
}

impl EnabledAdapter {
    /// The release, `name@version`.
    pub fn release(&self) -> String {
        format!("{}@{}", self.activation.plugin, self.activation.version)
    }
}

/// What is enabled now. Work in flight keeps the one it began with.
#[derive(Default)]
pub struct Pipeline {
    /// The generation's id; absent before the first start is complete.
    pub generation: Option<GenerationId>,
    /// The generation's number.
    pub number: i64,
    /// The policies in order: active ones and those in shadow, suspended ones that are tried again among them.
    pub policies: Vec<Arc<EnabledPolicy>>,
    /// The adapters by plugin name.
    adapters: HashMap<String, Arc<EnabledAdapter>>,
    /// Which costly parts of a case any policy reads.
    pub needs: CaseNeeds,
}

impl Pipeline {
    /// The enabled adapter of this plugin name.
    pub fn adapter(&self, plugin: &str) -> Option<&Arc<EnabledAdapter>> {
        self.adapters.get(plugin)
    }

    /// The names of the enabled adapters, sorted.
    pub fn adapter_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.adapters.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// How the calls of this activation go, if it is asked.
    pub fn health(&self, activation: ActivationId) -> Option<&Health> {
        let policy = self.policies.iter().find(|it| it.activation.id == activation).map(|it| &*it.health);
        let adapter = || self.adapters.values().find(|it| it.activation.id == activation);
        policy.or_else(|| adapter().map(|it| &*it.health))
    }

    /// Whether it holds this activation as it stands now.
    pub fn is_at_work(&self, activation: &Activation) -> bool {
        let mut at_work = self.policies.iter().map(|it| &it.activation);
        let is_it = |it: &Activation| it.id == activation.id && it.updated_at == activation.updated_at;
        at_work.any(is_it) || self.adapters.values().any(|it| is_it(&it.activation))
    }

    /// Has what was at work of an activation work on.
    fn keep_at_work(&mut self, before: &Pipeline, id: ActivationId) {
        for policy in before.policies.iter().filter(|it| it.activation.id == id) {
            self.need(&policy.manifest);
            self.policies.push(Arc::clone(policy));
        }
        let adapters = before.adapters.iter().filter(|(_, it)| it.activation.id == id);
        self.adapters.extend(adapters.map(|(name, it)| (name.clone(), Arc::clone(it))));
    }

    fn need(&mut self, manifest: &Manifest) {
        let needs = &manifest.needs;
        self.needs.history |= needs.contains(&CaseField::History);
        self.needs.contact |= needs.contains(&CaseField::Contact);
        self.needs.timers |= manifest.proposals.contains(&ProposalKind::Timer);
    }

    fn add_policy(&mut self, enabled: EnabledPolicy) {
        self.need(&enabled.manifest);
        self.policies.push(Arc::new(enabled));
    }

    fn add_adapter(&mut self, enabled: EnabledAdapter) {
        self.adapters.insert(enabled.activation.plugin.clone(), Arc::new(enabled));
    }

    fn policy(&self, id: ActivationId, revision: i64) -> Option<&Arc<EnabledPolicy>> {
        self.policies.iter().find(|it| it.activation.id == id && it.activation.revision == revision)
    }
}

/// How often what is to be loaded is looked at anew because something had to be made first: each time what was
/// missing is made, so more than two are changes of what is enabled meanwhile.
const ROUNDS_MAX: usize = 16;

/// What was made while nothing was held, by its key: an artefact where it could not be kept, and why one could not
/// be made. What is kept is read from where it is kept: many are large.
type Made = HashMap<String, Result<Option<Artefact>, PrepareFailure>>;

/// What is enabled, as far as it could be loaded.
#[derive(Default)]
struct Loaded {
    pipeline: Pipeline,
    /// Whose artefact has to be made first.
    missing: Vec<Activation>,
    /// How many are left out because the host lacks something.
    left_out: usize,
}

impl Flow {
    /// Loads what is enabled and puts it to work, as a new generation if anything changed. What the host cannot load
    /// for a reason of its own is left out, and loaded later (see [`follow`](super::follow)).
    ///
    /// `cause` says what changed, in words.
    pub async fn refresh_pipeline(&self, cause: &str) -> Result<(), FlowError> {
        let (mut made, mut making) = (Made::default(), None);
        for _ in 0..ROUNDS_MAX {
            let missing = self.refresh_with(&made, cause).await?;
            if missing.is_empty() {
                return Ok(());
            }
            if making.is_none() {
                making = self.behind.begin_making();
            }
            if making.is_none() {
                // Another one makes what is missing, and looks at everything anew after that.
                self.behind.change(cause);
                return Ok(());
            }
            // Nothing else is held meanwhile: compiling takes seconds, and somebody may switch a rule off.
            for activation in missing {
                let wanted = Wanted::by(&activation);
                made.insert(self.made_of(wanted).key(), self.remake_artefact(wanted).await);
            }
        }
        Err(FlowError::Stale("what is enabled".to_owned()))
    }

    /// Puts what is enabled to work; says for which activations an artefact is to be made first. Until then what was
    /// at work of them stays so.
    async fn refresh_with(&self, made: &Made, cause: &str) -> Result<Vec<Activation>, FlowError> {
        // One refresh at a time, so that a slower one never puts older rules back.
        let _turn = self.refreshing.lock().await;
        let mut asked = self.store.activations().await?;
        self.telemetry.suspended(asked.iter().map(|it| (it.name.as_str(), it.is_suspended())));
        asked.retain(Activation::is_asked);
        let before = self.pipeline.load_full();
        let Loaded { mut pipeline, missing, left_out } = self.load_all(&before, asked, made).await?;
        if before.generation.is_none() && !missing.is_empty() {
            // The host starts, and nothing is at work yet.
            return Ok(missing);
        }
        let generation = self.enter_generation(&pipeline, cause).await?;
        pipeline.generation = Some(generation.id);
        pipeline.number = generation.number;
        self.telemetry.pipeline(generation.number);
        self.pipeline.store(Arc::new(pipeline));
        if missing.is_empty() {
            // Before that, what is left out is not known: it may be among what is made now.
            self.behind.left_out(left_out, self.now());
        }
        self.wake.router.notify_one();
        Ok(missing)
    }

    async fn load_all(
        &self,
        before: &Pipeline,
        asked: Vec<Activation>,
        made: &Made,
    ) -> Result<Loaded, FlowError> {
        let mut all = Loaded::default();
        let mut manifests: HashMap<String, Arc<Manifest>> = HashMap::new();
        for activation in asked {
            let manifest = match manifests.get(&activation.digest) {
                Some(manifest) => Arc::clone(manifest),
                None => self.manifest(&activation.digest).await?,
            };
            manifests.insert(activation.digest.clone(), Arc::clone(&manifest));
            let pipeline = &mut all.pipeline;
            let loaded = match activation.kind {
                PluginKind::Policy => {
                    let enabled = self.load_policy(before, &activation, manifest, made).await;
                    enabled.map(|it| it.map(|it| pipeline.add_policy(it)))
                }
                PluginKind::ChannelAdapter => {
                    let enabled = self.load_adapter(before, &activation, manifest, made).await;
                    enabled.map(|it| it.map(|it| pipeline.add_adapter(it)))
                }
            };
            match loaded {
                Ok(Some(())) => {}
                Ok(None) => {
                    all.pipeline.keep_at_work(before, activation.id);
                    all.missing.push(activation);
                }
                Err(failure) => all.left_out += self.leave_out(&activation, &failure).await?,
            }
        }
        all.pipeline.policies.sort_by_key(|it| it.activation.order());
        Ok(all)
    }

    /// One that cannot be loaded keeps none of the others from their work; how many of them are to be tried again.
    async fn leave_out(&self, activation: &Activation, failure: &PrepareFailure) -> Result<usize, FlowError> {
        tracing::error!(activation = %activation.name, %failure, "an enabled plugin cannot be loaded");
        // What the host lacks may be there later; the plugin is not to blame.
        if failure.is_the_hosts() {
            return Ok(1);
        }
        enable::set_failed(self, activation, failure).await?;
        Ok(0)
    }

    /// The artefact of an activation that is to be loaded; none where it has to be made first.
    async fn artefact_there(
        &self,
        activation: &Activation,
        made: &Made,
    ) -> Result<Option<Artefact>, PrepareFailure> {
        let made_of = self.made_of(Wanted::by(activation));
        match made.get(&made_of.key()) {
            Some(Ok(Some(artefact))) => Ok(Some(artefact.clone())),
            Some(Err(failure)) => Err(failure.clone()),
            Some(Ok(None)) => {
                let gone = || PrepareFailure::unavailable("what was compiled is not where it was kept");
                self.kept_artefact(&made_of).await?.ok_or_else(gone).map(Some)
            }
            None => self.kept_artefact(&made_of).await,
        }
    }

    async fn manifest(&self, digest: &str) -> Result<Arc<Manifest>, FlowError> {
        let release = self.store.release(digest).await?;
        release
            .map(|it| Arc::new(it.manifest))
            .ok_or_else(|| FlowError::NotFound(format!("there is no release with digest {digest}")))
    }

    async fn load_policy(
        &self,
        before: &Pipeline,
        activation: &Activation,
        manifest: Arc<Manifest>,
        made: &Made,
    ) -> Result<Option<EnabledPolicy>, PrepareFailure> {
        let (policy, health) = match before.policy(activation.id, activation.revision) {
            Some(loaded) => (loaded.policy.clone(), Arc::clone(&loaded.health)),
            None => {
                let Some(artefact) = self.artefact_there(activation, made).await? else { return Ok(None) };
                let suspension = activation.suspension.as_ref().filter(|_| activation.is_suspended());
                let health = suspension.map(Health::suspended).unwrap_or_default();
                (self.plugins.load_policy(&artefact, Arc::clone(&manifest))?, Arc::new(health))
            }
        };
        let named = Named::of(activation);
        let times = self.telemetry.call_times(&activation.plugin, "evaluate");
        let activation = activation.clone();
        Ok(Some(EnabledPolicy { activation, manifest, named, policy, health, times }))
    }

    async fn load_adapter(
        &self,
        before: &Pipeline,
        activation: &Activation,
        manifest: Arc<Manifest>,
        made: &Made,
    ) -> Result<Option<EnabledAdapter>, PrepareFailure> {
        let loaded =
            before.adapter(&activation.plugin).filter(|it| it.activation.digest == activation.digest);
        let health = loaded
            .filter(|it| it.activation.revision == activation.revision)
            .map_or_else(Arc::default, |it| Arc::clone(&it.health));
        let adapter = match loaded {
            Some(loaded) => loaded.adapter.clone(),
            None => {
                let Some(artefact) = self.artefact_there(activation, made).await? else { return Ok(None) };
                self.plugins.load_adapter(&artefact, Arc::clone(&manifest))?
            }
        };
        let times = self.telemetry.call_times(&activation.plugin, "receive");
        Ok(Some(EnabledAdapter { activation: activation.clone(), manifest, adapter, health, times }))
    }

    async fn enter_generation(&self, pipeline: &Pipeline, cause: &str) -> Result<Generation, FlowError> {
        let entries = entries_of(pipeline);
        let latest = self.store.latest_generation().await?;
        if let Some(latest) = &latest
            && latest.entries == entries
        {
            return Ok(latest.clone());
        }
        let number = latest.map_or(1, |it| it.number + 1);
        let generation =
            Generation { id: self.id(), number, created_at: self.now(), cause: cause.to_owned(), entries };
        match self.store.add_generation(&generation).await {
            Ok(()) => Ok(generation),
            Err(StoreError::Stale(what)) => Err(FlowError::Stale(what)),
            Err(other) => Err(other.into()),
        }
    }

    /// Checks an inbox's settings as its adapter would, in the share of the inbox's department.
    pub async fn check_inbox_settings(
        &self,
        department: DepartmentId,
        adapter: &str,
        settings: &serde_json::Value,
    ) -> Result<(), FlowError> {
        if self.pipeline.load().adapter(adapter).is_none() {
            // It may be prepared by the repository's word and not be at work yet.
            self.refresh_pipeline(&format!("an inbox wants {adapter}")).await?;
        }
        let pipeline = self.pipeline.load_full();
        let enabled = Arc::clone(
            pipeline
                .adapter(adapter)
                .ok_or_else(|| FlowError::unknown("enabled adapter", adapter, pipeline.adapter_names()))?,
        );
        let owner = Some(department);
        let schema = &enabled.manifest.settings_schema;
        refuse_settings(self.plugins.check_settings(owner, schema, settings).await?)?;
        let settings = settings.clone();
        let call = self
            .plugins
            .executor()
            .run(Lane::Trying(Some(department)), move || enabled.adapter.check_settings(&settings))
            .await
            .map_err(|error| FlowError::Unavailable(error.to_string()))?;
        match call.result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(errors)) => refuse_settings(errors),
            Err(failure) => Err(FlowError::invalid(
                "/settings",
                format!("the adapter could not check the settings: {failure}"),
            )),
        }
    }
}

/// Turns errors of settings into a refusal that points below `/settings`.
pub fn refuse_settings(errors: Vec<crate::plugin::SettingError>) -> Result<(), FlowError> {
    if errors.is_empty() {
        return Ok(());
    }
    let errors = errors
        .into_iter()
        .map(|it| FieldError { pointer: format!("/settings{}", it.pointer), message: it.message })
        .collect();
    Err(FlowError::Invalid { detail: "the settings are not what the plugin needs".to_owned(), errors })
}

fn entries_of(pipeline: &Pipeline) -> Vec<GenerationEntry> {
    let adapters = {
        let mut all: Vec<_> = pipeline.adapters.values().collect();
        all.sort_by_key(|it| it.activation.order());
        all
    };
    let policies = pipeline.policies.iter().map(|it| &it.activation);
    adapters.into_iter().map(|it| &it.activation).chain(policies).map(entry_of).collect()
}

fn entry_of(activation: &Activation) -> GenerationEntry {
    GenerationEntry {
        activation: activation.id,
        name: activation.name.clone(),
        kind: activation.kind,
        release: format!("{}@{}", activation.plugin, activation.version),
        digest: activation.digest.clone(),
        revision: activation.revision,
        settings_digest: settings_digest(&activation.settings),
        applies_to: activation.applies_to.clone(),
        reach: activation.reach,
        phase: activation.phase,
        rank: activation.rank,
        mode: activation.mode,
        on_failure: activation.on_failure,
    }
}
