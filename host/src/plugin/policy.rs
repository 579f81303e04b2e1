//! A policy, ready to be asked.

use std::sync::Arc;

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::abi::v0_2::plugin_world::SelfDescribing;
use super::abi::v0_2::policy_world::exports::switchboard::plugin::policy as abi;
use super::abi::v0_2::policy_world::{self, PolicyPre};
use super::abi::v0_2::{CaseLists, lower_event, raise_proposals, raise_refusal};
use super::budget::Budget;
use super::call::{Call, Started, open, refill, run, spent};
use super::engine::Engine;
use super::error::LoadError;
use super::failure::{Failure, FailureKind};
use super::state::{CallState, Imports};
use crate::domain::case::{Case, CaseField, Event};
use crate::domain::proposal::Proposal;
use crate::domain::release::Manifest;

/// A policy with its settings. Cheap to clone; calls may run at once on any number of threads.
#[derive(Clone)]
pub struct Policy {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    pre: PolicyPre<CallState>,
    manifest: Arc<Manifest>,
    budget: Budget,
}

type Answer = Result<Vec<abi::ProposalResult>, abi::Refusal>;

impl Policy {
    pub(super) fn new(
        engine: Engine,
        pre: InstancePre<CallState>,
        manifest: Arc<Manifest>,
        budget: Budget,
    ) -> Result<Self, LoadError> {
        let pre = PolicyPre::new(pre).map_err(LoadError::of)?;
        Ok(Self { inner: Arc::new(Inner { engine, pre, manifest, budget }) })
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// What a call on this case may use: more for a larger case.
    pub fn budget(&self, case: &Case) -> Budget {
        self.inner.budget.for_case(case.bytes(&self.inner.manifest.needs))
    }

    /// Evaluates one case, starting from the snapshot that `configure` left.
    ///
    /// `deadline` is tried once more where others had the processor meanwhile.
    /// The fuel is that of the call whose result is given.
    pub fn evaluate(&self, event: &Event, case: &Case) -> Call<Vec<Proposal>> {
        let call = self.evaluate_once(event, case);
        if call.was_kept_waiting() { self.evaluate_once(event, case) } else { call }
    }

    /// Configures and asks in one call, as if there were no snapshots: for comparison. The policy must
    /// have been loaded from an artefact that was not configured.
    pub fn evaluate_configuring(&self, settings: &Value, event: &Event, case: &Case) -> Call<Vec<Proposal>> {
        let Inner { engine, pre, manifest, .. } = &*self.inner;
        let settings = settings.to_string();
        run(engine, &Budget::SETUP, Imports::without_secrets(), |store| {
            let instance = pre.instance_pre().instantiate(&mut *store)?;
            let plugin = SelfDescribing::new(&mut *store, &instance)?;
            let configured = plugin.switchboard_plugin_plugin().call_configure(&mut *store, &settings)?;
            if configured.is_err() {
                wasmtime::bail!("the settings were refused");
            }
            let policy = policy_world::Policy::new(&mut *store, &instance)?;
            ask(store, &policy, &manifest.needs, event, case)
        })
        .and_then(raise)
    }

    /// An instance that is called again and again, for comparison: what state it keeps, it keeps.
    pub fn reused(&self) -> Result<ReusedPolicy, LoadError> {
        let mut store = open(&self.inner.engine, &self.inner.budget, Imports::without_secrets())
            .map_err(LoadError::of)?;
        let instance = self.inner.pre.instantiate(&mut store).map_err(LoadError::of)?;
        Ok(ReusedPolicy { store, instance, manifest: self.inner.manifest.clone(), budget: self.inner.budget })
    }

    fn evaluate_once(&self, event: &Event, case: &Case) -> Call<Vec<Proposal>> {
        let Inner { engine, pre, manifest, .. } = &*self.inner;
        run(engine, &self.budget(case), Imports::without_secrets(), |store| {
            let instance = pre.instantiate(&mut *store)?;
            ask(store, &instance, &manifest.needs, event, case)
        })
        .and_then(raise)
    }
}

/// One instance of a policy, called again and again. For benchmarks alone: it breaks the rule that
/// nothing leaks from one case to the next.
pub struct ReusedPolicy {
    store: Store<CallState>,
    instance: policy_world::Policy,
    manifest: Arc<Manifest>,
    budget: Budget,
}

impl ReusedPolicy {
    /// Judges one case. After a failure the instance is spent, and every further call fails too.
    pub fn evaluate(&mut self, event: &Event, case: &Case) -> Call<Vec<Proposal>> {
        let started = Started::now();
        let budget = self.budget.for_case(case.bytes(&self.manifest.needs));
        let answer = refill(&mut self.store, &budget)
            .and_then(|()| ask(&mut self.store, &self.instance, &self.manifest.needs, event, case));
        let result = answer.map_err(|error| Failure::of(&error, &self.store.data().limiter));
        let fuel = spent(&self.store, &budget);
        let (log, log_dropped) = std::mem::take(&mut self.store.data_mut().journal).finish();
        let (micros, cpu_micros) = started.elapsed();
        Call { result, fuel, micros, cpu_micros, log, log_dropped }.and_then(raise)
    }
}

fn ask(
    store: &mut Store<CallState>,
    instance: &policy_world::Policy,
    needs: &[CaseField],
    event: &Event,
    case: &Case,
) -> wasmtime::Result<Answer> {
    let id = event.id.to_string();
    let lists = CaseLists::new(case, needs);
    let earlier = lists.earlier();
    instance.switchboard_plugin_policy().call_evaluate(store, lower_event(event, &id), lists.lower(&earlier))
}

fn raise(answer: Answer) -> Result<Vec<Proposal>, Failure> {
    match answer {
        Ok(proposals) => Ok(raise_proposals(proposals)),
        Err(refusal) => Err(Failure::new(FailureKind::Refused, &raise_refusal(refusal))),
    }
}
