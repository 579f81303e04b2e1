//! The sandbox: plugins from uploaded bytes to answered calls.
//!
//! Called by `flow`, `cli` and `app`; calls `domain` and `vault`.
//!
//! | module | holds |
//! |---|---|
//! | [`upload`], [`compile`] | what a file must be; checking, configuring and compiling it in a child process |
//! | [`policy`], [`adapter`], [`task`] | plugins ready to be called |
//! | [`call`], [`failure`], [`budget`] | one call, why it failed, what it may use |
//! | [`settings`], [`digest`] | settings against their schema; names of what was compiled |
//! | [`seal`], [`signing`] | compiled code of this host, told from all other; who answers for a release |
//! | [`executor`] | threads for calls |
//! | [`guest_build`] | building plugins written in Rust |
//! | [`abi`] | the contract's versions: bindings and conversions |
//!
//! **Invariant:** the only room that knows wasmtime and its kin.
//! **Invariant:** no upload is parsed, compiled or run in the host before the child found it good.
//! **Invariant:** machine code is loaded only straight from the child or from under this host's seal.
//! **Invariant:** every call starts from the same bytes in a store of its own, under limits set before
//! the guest's first instruction. Nothing a guest does is an error of the host.

pub(crate) mod abi;
pub mod adapter;
pub mod budget;
pub mod call;
pub mod compile;
pub mod digest;
mod engine;
pub mod error;
pub mod executor;
pub mod failure;
pub mod guest_build;
mod journal;
mod limiter;
mod load;
pub mod plugins;
pub mod policy;
mod request;
pub mod seal;
pub mod settings;
pub mod signing;
mod state;
pub mod task;
pub mod upload;

pub use adapter::Adapter;
pub use budget::{Budget, ChildLimits, UPLOAD_BYTES_MAX};
pub use call::Call;
pub use compile::{Owner, WAITING_JOBS_MAX};
pub use digest::settings_digest;
pub use error::{InspectError, LoadError, PluginError, PrepareFailure, ValidationError};
pub use executor::{Executor, ExecutorError, Lane};
pub use failure::{Failure, FailureKind};
pub use plugins::{Inspected, PluginConfig, Plugins};
pub use policy::{Policy, ReusedPolicy};
pub use seal::{Artefact, MadeOf, Seal};
pub use settings::{SettingError, validate_settings};
pub use task::{
    Answer, EXCHANGES_MAX, Outbound, Piece, ReceiveResult, Request, SendOutcome, Step, StepResult, TaskError,
};
pub use upload::{Refusal, RefusalKind};

#[cfg(test)]
mod tests;
