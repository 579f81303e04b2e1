//! A channel adapter, ready to be asked.

use std::sync::Arc;

use serde_json::Value;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use super::abi::v0_2::adapter_world::exports::switchboard::plugin::adapter as abi;
use super::abi::v0_2::adapter_world::{self, AdapterPre};
use super::abi::v0_2::plugin_world::SelfDescribingPre;
use super::abi::v0_2::{
    lower_attributes, lower_delivery, lower_headers, lower_inbox, lower_outbound, lower_pairs, lower_reply,
    raise_intake, raise_rejection, raise_setting_errors, raise_step, raise_task_error,
};
use super::budget::Budget;
use super::call::{Call, run};
use super::engine::Engine;
use super::error::LoadError;
use super::failure::{Failure, FailureKind};
use super::request;
use super::settings::SettingError;
use super::state::{CallState, Imports};
use super::task::{Answer, Outbound, ReceiveResult, STATE_BYTES_MAX, Step, StepResult};
use crate::domain::arrival::{ARRIVALS_MAX, Arrival, Rejection};
use crate::domain::delivery::RawDelivery;
use crate::domain::organisation::Inbox;
use crate::domain::release::Manifest;
use crate::vault::Granted;

/// A channel adapter. Cheap to clone; calls may run at once on any number of threads.
#[derive(Clone)]
pub struct Adapter {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    adapter: AdapterPre<CallState>,
    plugin: SelfDescribingPre<CallState>,
    manifest: Arc<Manifest>,
}

impl Adapter {
    pub(super) fn new(
        engine: Engine,
        pre: InstancePre<CallState>,
        manifest: Arc<Manifest>,
    ) -> Result<Self, LoadError> {
        let plugin = SelfDescribingPre::new(pre.clone()).map_err(LoadError::of)?;
        let adapter = AdapterPre::new(pre).map_err(LoadError::of)?;
        Ok(Self { inner: Arc::new(Inner { engine, adapter, plugin, manifest }) })
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.inner.manifest
    }

    /// Whether the adapter would work with these settings, which match its schema.
    pub fn check_settings(&self, settings: &Value) -> Call<Result<(), Vec<SettingError>>> {
        let settings = settings.to_string();
        run(&self.inner.engine, &Budget::ADAPTER, Imports::Refused, |store| {
            let plugin = self.inner.plugin.instantiate(&mut *store)?;
            plugin.switchboard_plugin_plugin().call_configure(store, &settings)
        })
        .and_then(|answer| Ok(answer.map_err(raise_setting_errors)))
    }

    /// Reads one delivery.
    pub fn receive(&self, inbox: &Inbox, granted: &Granted, delivery: &RawDelivery) -> Call<ReceiveResult> {
        let settings = inbox.settings.to_string();
        let headers = lower_headers(&delivery.headers);
        self.call(&Budget::for_delivery(delivery.body.len()), granted, |store, adapter| {
            let (inbox, delivery) = (lower_inbox(inbox, &settings), lower_delivery(delivery, &headers));
            let answer = adapter.call_receive(&mut *store, inbox, delivery)?;
            Ok((answer, store.data().challenged()))
        })
        .and_then(|(answer, challenged)| match answer {
            // Else what is signed as a challenge could be somebody's item at once.
            Ok(intake) if challenged && !intake.arrivals.is_empty() => {
                Err(Failure::new(FailureKind::BadOutput, "arrivals beside the answer to a challenge"))
            }
            Ok(intake) if intake.arrivals.len() > ARRIVALS_MAX => Err(Failure::new(
                FailureKind::OutputTooLarge,
                &format!("{} arrivals from one delivery, the most is {ARRIVALS_MAX}", intake.arrivals.len()),
            )),
            Ok(intake) => {
                let mut intake = raise_intake(intake);
                intake.response.as_ref().map_or(Ok(()), request::check_response)?;
                // Senders choose ids: a long one is no failure of the adapter.
                match intake.arrivals.iter_mut().try_for_each(Arrival::bound_ids) {
                    Ok(()) => Ok(Ok(intake)),
                    Err(too_long) => Ok(Err(Rejection::Malformed(too_long.to_string()))),
                }
            }
            Err(rejection) => Ok(Err(raise_rejection(rejection))),
        })
    }

    /// Starts to send an answer.
    pub fn begin(&self, inbox: &Inbox, granted: &Granted, outbound: &Outbound) -> Call<StepResult> {
        let settings = inbox.settings.to_string();
        let references: Vec<&str> = outbound.references.iter().map(String::as_str).collect();
        let attributes = lower_attributes(&outbound.attributes);
        self.call(&Budget::ADAPTER, granted, |store, adapter| {
            let task = abi::Task::Reply(lower_outbound(outbound, &references, &attributes));
            adapter.call_begin(store, lower_inbox(inbox, &settings), task)
        })
        .and_then(raise)
    }

    /// Goes on after an exchange.
    pub fn resume(
        &self,
        inbox: &Inbox,
        granted: &Granted,
        state: &[u8],
        answer: &Answer,
    ) -> Call<StepResult> {
        let settings = inbox.settings.to_string();
        let headers = lower_pairs(&answer.headers);
        self.call(&Budget::ADAPTER, granted, |store, adapter| {
            adapter.call_resume(store, lower_inbox(inbox, &settings), state, lower_reply(answer, &headers))
        })
        .and_then(raise)
    }

    /// Calls are pure, so a deadline is tried once more, like a policy's.
    fn call<T>(
        &self,
        budget: &Budget,
        granted: &Granted,
        work: impl Fn(&mut Store<CallState>, &abi::Guest) -> wasmtime::Result<T>,
    ) -> Call<T> {
        let call = self.call_once(budget, granted, &work);
        if call.was_kept_waiting() { self.call_once(budget, granted, &work) } else { call }
    }

    fn call_once<T>(
        &self,
        budget: &Budget,
        granted: &Granted,
        work: impl Fn(&mut Store<CallState>, &abi::Guest) -> wasmtime::Result<T>,
    ) -> Call<T> {
        run(&self.inner.engine, budget, Imports::Answered(granted.clone()), |store| {
            let instance: adapter_world::Adapter = self.inner.adapter.instantiate(&mut *store)?;
            work(store, instance.switchboard_plugin_adapter())
        })
    }
}

fn raise(answer: Result<abi::Step, abi::TaskError>) -> Result<StepResult, Failure> {
    match answer.map(raise_step) {
        Ok(Step::Send { state, .. }) if state.len() > STATE_BYTES_MAX => Err(Failure::new(
            FailureKind::OutputTooLarge,
            &format!("a state of {} bytes, the most is {STATE_BYTES_MAX}", state.len()),
        )),
        Ok(step) => {
            if let Step::Send { request, .. } = &step {
                request::check(request)?;
            }
            Ok(Ok(step))
        }
        Err(error) => Ok(Err(raise_task_error(error))),
    }
}
