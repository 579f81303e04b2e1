//! From an artefact back to code: the project's only unsafe operation.

use wasmtime::component::{Component, InstancePre};

use super::engine::Engine;
use super::error::LoadError;
use super::state::CallState;

/// Loads what this host's own compile child made, and links it.
#[allow(unsafe_code, reason = "loading compiled code cannot be checked by the compiler")]
pub(super) fn load(engine: &Engine, artefact: &[u8]) -> Result<InstancePre<CallState>, LoadError> {
    // SAFETY: `deserialize` runs the bytes as machine code, so they must be what wasmtime compiled.
    // They are: artefacts are made by the compile child alone, never uploaded; they reach this
    // function straight from the child's output or from the host's own artefact table, to which
    // nothing else is ever written; and wasmtime refuses those of another version or configuration.
    let component = unsafe { Component::deserialize(engine.wasmtime(), artefact) }.map_err(LoadError::of)?;
    engine.linker().instantiate_pre(&component).map_err(LoadError::of)
}
