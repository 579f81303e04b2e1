//! Making a plugin ready: it is warmed up, policies by their settings, and snapshotted, so that every
//! call begins where that ended.

use futures::FutureExt;
use wasmtime::Store;
use wasmtime::component::{Component, Instance};
use wasmtime_wizer::Wizer;

use super::is_out_of_memory;
use super::reader::StateReader;
use crate::domain::release::PluginKind;
use crate::plugin::abi::v0_2::plugin_world::SelfDescribing;
use crate::plugin::abi::v0_2::raise_setting_errors;
use crate::plugin::budget::{Budget, MEMORY_BYTES_MAX};
use crate::plugin::call;
use crate::plugin::engine::Engine;
use crate::plugin::error::PrepareFailure;
use crate::plugin::failure::{Failure, FailureKind};
use crate::plugin::settings::SettingError;
use crate::plugin::state::{CallState, Imports};
use crate::plugin::upload::RefusalKind;

/// The artefact from which every call of the plugin starts.
pub(in crate::plugin) fn prepare(
    engine: &Engine,
    kind: PluginKind,
    settings: &str,
    component: &[u8],
) -> Result<Vec<u8>, PrepareFailure> {
    match kind {
        PluginKind::ChannelAdapter => match snapshot(engine, Warmth::Described, component) {
            Ok(snapshot) => compile(engine, &snapshot),
            // It has no settings to keep, so it works without.
            Err(_) => compile(engine, component),
        },
        PluginKind::Policy => compile(engine, &snapshot(engine, Warmth::Configured(settings), component)?),
    }
}

fn compile(engine: &Engine, component: &[u8]) -> Result<Vec<u8>, PrepareFailure> {
    engine.wasmtime().precompile_component(component).map_err(not_compilable)
}

/// What an instance has done before the snapshot.
#[derive(Clone, Copy)]
enum Warmth<'a> {
    /// It has described itself: its allocator and whatever it makes at first use are there.
    Described,
    /// It has taken its settings.
    Configured(&'a str),
}

/// The component as it stands when it is warm: a new component, whose memories and globals begin
/// where the warm one's are.
fn snapshot(engine: &Engine, warmth: Warmth<'_>, component: &[u8]) -> Result<Vec<u8>, PrepareFailure> {
    let wizer = Wizer::new();
    let (context, instrumented) = wizer.instrument_component(component).map_err(not_snapshottable)?;
    let instrumented = Component::from_binary(engine.wasmtime(), &instrumented).map_err(not_compilable)?;
    let (mut store, instance) = warm_up(engine, &instrumented, warmth)?;
    call::refill(&mut store, &Budget::SNAPSHOT).map_err(not_snapshottable)?;
    store.data_mut().limiter.raise(Budget::SNAPSHOT.memory_bytes);
    let mut reader = StateReader::new(store, instance);
    let rewritten = wizer
        .snapshot_component(&context, &mut reader)
        .now_or_never()
        .ok_or_else(|| PrepareFailure::new("not-snapshottable", "reading the state waits for something"))?
        .map_err(not_snapshottable)?;
    match reader.finish() {
        Some(error) => Err(PrepareFailure::new("not-snapshottable", error)),
        None => Ok(rewritten),
    }
}

/// A warm instance, in the store that holds it.
fn warm_up(
    engine: &Engine,
    component: &Component,
    warmth: Warmth<'_>,
) -> Result<(Store<CallState>, Instance), PrepareFailure> {
    let mut store = call::open(engine, &Budget::SETUP, Imports::Refused).map_err(not_snapshottable)?;
    let answer = instantiate(engine, component, warmth, &mut store);
    match answer {
        Ok((Ok(()), instance)) => Ok((store, instance)),
        Ok((Err(errors), _)) => Err(PrepareFailure::invalid_settings(errors)),
        Err(error) => Err(failed(&error, store.data())),
    }
}

type Warm = (Result<(), Vec<SettingError>>, Instance);

fn instantiate(
    engine: &Engine,
    component: &Component,
    warmth: Warmth<'_>,
    store: &mut Store<CallState>,
) -> wasmtime::Result<Warm> {
    let instance = engine.linker().instantiate_pre(component)?.instantiate(&mut *store)?;
    let bindings = SelfDescribing::new(&mut *store, &instance)?;
    let plugin = bindings.switchboard_plugin_plugin();
    let answer = match warmth {
        Warmth::Described => plugin.call_describe(store).map(|_| Ok(()))?,
        Warmth::Configured(settings) => plugin.call_configure(store, settings)?,
    };
    Ok((answer.map_err(raise_setting_errors), instance))
}

/// Names a failed `configure`.
fn failed(error: &wasmtime::Error, state: &CallState) -> PrepareFailure {
    let failure = Failure::of(error, &state.limiter);
    if state.import_called() {
        return PrepareFailure::new("called-import", failure.detail);
    }
    if failure.kind == FailureKind::Memory {
        let reason = format!(
            "after `configure` it has more than the {MEMORY_BYTES_MAX} bytes of memory that each call may use"
        );
        return PrepareFailure::new("snapshot-too-large", reason);
    }
    PrepareFailure::new(failure.kind.name(), format!("`configure` failed: {}", failure.detail))
}

fn not_compilable(error: wasmtime::Error) -> PrepareFailure {
    let name = match is_out_of_memory(&error) {
        true => RefusalKind::TooLargeToCompile.name(),
        false => "not-compilable",
    };
    PrepareFailure::new(name, format!("{error:#}"))
}

/// The snapshot knows no nested components with modules, no module instantiated twice, and no
/// changes to tables.
fn not_snapshottable(error: wasmtime::Error) -> PrepareFailure {
    PrepareFailure::new("not-snapshottable", format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::BUNDLED;

    /// One that falls back to its cold state works, but each of its calls would pay for that.
    #[test]
    fn the_bundled_adapters_are_snapshotted() {
        let engine = Engine::new(1).unwrap();
        for name in ["cloudevents", "email", "feed"] {
            let (_, component) = BUNDLED.iter().find(|it| it.0 == name).unwrap();
            let snapshot = snapshot(&engine, Warmth::Described, component);
            assert!(snapshot.is_ok(), "{name}: {:?}", snapshot.err());
        }
    }
}
