//! From an artefact back to code: the one unsafe operation on which the sandbox depends.

use wasmtime::component::{Component, InstancePre};

use super::engine::Engine;
use super::error::LoadError;
use super::seal::Artefact;
use super::state::CallState;

/// Loads what this host's own compile child made, and links it.
#[allow(unsafe_code, reason = "loading compiled code cannot be checked by the compiler")]
pub(super) fn load(engine: &Engine, artefact: &Artefact) -> Result<InstancePre<CallState>, LoadError> {
    // SAFETY: `deserialize` runs the bytes as machine code, so they must be what wasmtime compiled.
    // They are: an `Artefact` is made in two places alone, from the compile child's own output and
    // by a `Seal` from bytes whose authentication code matched (a code that only this host can make,
    // and makes only of such output); and wasmtime refuses those of another version or configuration.
    let component = unsafe { Component::deserialize(engine.wasmtime(), artefact.bytes()) };
    let component = component.map_err(LoadError::of)?;
    engine.linker().instantiate_pre(&component).map_err(LoadError::of)
}
