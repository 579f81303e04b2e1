//! What is enabled now: the loaded policies in their order, and the adapters by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::artefact::Wanted;
use super::{FieldError, Flow, FlowError};
use crate::domain::activation::{Activation, Mode, Preparation};
use crate::domain::case::CaseField;
use crate::domain::generation::{Generation, GenerationEntry};
use crate::domain::ids::{ActivationId, GenerationId};
use crate::domain::release::{Manifest, PluginKind};
use crate::plugin::{Adapter, Artefact, Policy, settings_digest};
use crate::store::{CaseNeeds, StoreError};

/// A policy, ready to be asked.
pub struct EnabledPolicy {
    /// How it is enabled.
    pub activation: Activation,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// SHA-256 of its settings, hexadecimal.
    pub settings_digest: String,
    /// The code.
    pub policy: Policy,
}

/// An adapter, ready to read.
pub struct EnabledAdapter {
    /// How it is enabled.
    pub activation: Activation,
    /// What it says of itself.
    pub manifest: Arc<Manifest>,
    /// The code.
    pub adapter: Adapter,
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
    /// The policies that are asked, in order: active ones and those in shadow.
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

    fn policy(&self, id: ActivationId, revision: i64) -> Option<&Arc<EnabledPolicy>> {
        self.policies.iter().find(|it| it.activation.id == id && it.activation.revision == revision)
    }
}

impl Flow {
    /// Loads what is enabled and puts it to work, as a new generation if anything changed.
    ///
    /// `cause` says what changed, in words.
    pub async fn refresh_pipeline(&self, cause: &str) -> Result<(), FlowError> {
        // One refresh at a time, so that a slower one never puts older rules back.
        let _turn = self.refreshing.lock().await;
        let ready: Vec<Activation> = self.store.activations().await?.into_iter().filter(is_on).collect();
        let before = self.pipeline.load_full();
        let mut pipeline = self.load_all(&before, ready).await?;
        let generation = self.enter_generation(&pipeline, cause).await?;
        pipeline.generation = Some(generation.id);
        pipeline.number = generation.number;
        self.telemetry.pipeline(generation.number);
        self.pipeline.store(Arc::new(pipeline));
        self.wake.router.notify_one();
        Ok(())
    }

    async fn load_all(&self, before: &Pipeline, ready: Vec<Activation>) -> Result<Pipeline, FlowError> {
        let mut pipeline = Pipeline::default();
        let mut manifests: HashMap<String, Arc<Manifest>> = HashMap::new();
        for activation in ready {
            let manifest = match manifests.get(&activation.digest) {
                Some(manifest) => Arc::clone(manifest),
                None => self.manifest(&activation.digest).await?,
            };
            manifests.insert(activation.digest.clone(), Arc::clone(&manifest));
            match activation.kind {
                PluginKind::Policy => {
                    let enabled = self.load_policy(before, activation, manifest).await?;
                    let needs = &enabled.manifest.needs;
                    pipeline.needs.history |= needs.contains(&CaseField::History);
                    pipeline.needs.contact |= needs.contains(&CaseField::Contact);
                    pipeline.policies.push(Arc::new(enabled));
                }
                PluginKind::ChannelAdapter => {
                    let enabled = self.load_adapter(before, activation, manifest).await?;
                    pipeline.adapters.insert(enabled.activation.plugin.clone(), Arc::new(enabled));
                }
            }
        }
        pipeline.policies.sort_by_key(|it| it.activation.order());
        Ok(pipeline)
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
        activation: Activation,
        manifest: Arc<Manifest>,
    ) -> Result<EnabledPolicy, FlowError> {
        let policy = match before.policy(activation.id, activation.revision) {
            Some(loaded) => loaded.policy.clone(),
            None => {
                let artefact = self.ready_artefact(&activation).await?;
                self.plugins.load_policy(&artefact, Arc::clone(&manifest)).map_err(FlowError::failed)?
            }
        };
        let settings_digest = settings_digest(&activation.settings);
        Ok(EnabledPolicy { activation, manifest, settings_digest, policy })
    }

    async fn load_adapter(
        &self,
        before: &Pipeline,
        activation: Activation,
        manifest: Arc<Manifest>,
    ) -> Result<EnabledAdapter, FlowError> {
        let loaded =
            before.adapter(&activation.plugin).filter(|it| it.activation.digest == activation.digest);
        let adapter = match loaded {
            Some(loaded) => loaded.adapter.clone(),
            None => {
                let artefact = self.ready_artefact(&activation).await?;
                self.plugins.load_adapter(&artefact, Arc::clone(&manifest)).map_err(FlowError::failed)?
            }
        };
        Ok(EnabledAdapter { activation, manifest, adapter })
    }

    /// The artefact of a ready activation; made again when the engine has changed since.
    async fn ready_artefact(&self, activation: &Activation) -> Result<Artefact, FlowError> {
        let made = self.artefact(Wanted::by(activation)).await;
        made.map_err(|failure| {
            FlowError::Conflict(format!("{} cannot be prepared: {failure}", activation.name))
        })
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

    /// Checks an inbox's settings as its adapter would.
    pub async fn check_inbox_settings(
        &self,
        adapter: &str,
        settings: &serde_json::Value,
    ) -> Result<(), FlowError> {
        let pipeline = self.pipeline.load_full();
        let enabled = Arc::clone(
            pipeline
                .adapter(adapter)
                .ok_or_else(|| FlowError::unknown("enabled adapter", adapter, pipeline.adapter_names()))?,
        );
        refuse_settings(crate::plugin::validate_settings(&enabled.manifest.settings_schema, settings))?;
        let settings = settings.clone();
        let call = self
            .plugins
            .executor()
            .run(move || enabled.adapter.check_settings(&settings))
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

fn is_on(activation: &Activation) -> bool {
    activation.mode != Mode::Disabled && activation.preparation == Preparation::Ready
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
    }
}
