//! An upload's check: from bytes to a manifest, or to the first rule it breaks.

use wasmtime::component::{Component, InstancePre};

use super::is_out_of_memory;
use super::prepare::prepare;
use crate::domain::release::{Manifest, PluginKind};
use crate::plugin::abi::v0_2::adapter_world::AdapterPre;
use crate::plugin::abi::v0_2::plugin_world::SelfDescribingPre;
use crate::plugin::abi::v0_2::policy_world::PolicyPre;
use crate::plugin::abi::v0_2::raise_manifest;
use crate::plugin::budget::Budget;
use crate::plugin::call;
use crate::plugin::engine::Engine;
use crate::plugin::error::PrepareFailure;
use crate::plugin::state::{CallState, Imports};
use crate::plugin::upload::{Refusal, RefusalKind, check_file, check_manifest, read_shape};

/// What an upload turns out to be.
#[derive(Debug)]
pub(in crate::plugin) struct Inspection {
    pub(in crate::plugin) manifest: Manifest,
    pub(in crate::plugin) imports: Vec<String>,
    pub(in crate::plugin) artefact: Vec<u8>,
}

/// Checks an upload: cheap rules first, guest code last.
pub(in crate::plugin) fn inspect(engine: &Engine, bytes: &[u8]) -> Result<Inspection, Refusal> {
    check_file(bytes)?;
    let shape = read_shape(bytes)?;
    let component = Component::from_binary(engine.wasmtime(), bytes).map_err(not_compilable)?;
    let wrong_world = |error: wasmtime::Error| Refusal::new(RefusalKind::WrongWorld, format!("{error:#}"));
    let pre = engine.linker().instantiate_pre(&component).map_err(wrong_world)?;
    let plugin = SelfDescribingPre::new(pre.clone()).map_err(wrong_world)?;
    check_exports(shape.kind, pre).map_err(wrong_world)?;
    let manifest = describe(engine, &plugin, shape.kind)?;
    let artefact = match shape.kind {
        // An adapter needs no settings to be made ready, so it is ready with this.
        PluginKind::ChannelAdapter => {
            prepare(engine, PluginKind::ChannelAdapter, "", bytes).map_err(|failure| not_ready(&failure))?
        }
        PluginKind::Policy => component.serialize().map_err(not_compilable)?,
    };
    Ok(Inspection { manifest, imports: shape.imports, artefact })
}

fn not_ready(failure: &PrepareFailure) -> Refusal {
    let kind = match failure.name == RefusalKind::TooLargeToCompile.name() {
        true => RefusalKind::TooLargeToCompile,
        false => RefusalKind::NotCompilable,
    };
    Refusal::new(kind, failure.to_string())
}

fn not_compilable(error: wasmtime::Error) -> Refusal {
    let kind = match is_out_of_memory(&error) {
        true => RefusalKind::TooLargeToCompile,
        false => RefusalKind::NotCompilable,
    };
    Refusal::new(kind, format!("{error:#}"))
}

/// Whether the functions of its kind are there. Their types are checked when they are loaded.
fn check_exports(kind: PluginKind, pre: InstancePre<CallState>) -> wasmtime::Result<()> {
    match kind {
        PluginKind::ChannelAdapter => AdapterPre::new(pre).map(drop),
        PluginKind::Policy => PolicyPre::new(pre).map(drop),
    }
}

fn describe(
    engine: &Engine,
    plugin: &SelfDescribingPre<CallState>,
    kind: PluginKind,
) -> Result<Manifest, Refusal> {
    let called = call::run(engine, &Budget::SETUP, Imports::without_secrets(), |store| {
        let instance = plugin.instantiate(&mut *store)?;
        instance.switchboard_plugin_plugin().call_describe(store)
    });
    let told = called.result.map_err(|failure| {
        Refusal::new(RefusalKind::DescribeFailed, format!("`describe` failed: {failure}"))
    })?;
    let (manifest, schema) = raise_manifest(told);
    check_manifest(manifest, &schema, kind)
}
