//! What can go wrong in this room, besides a guest's own failures.

use std::io;

use serde::{Deserialize, Serialize};

use super::failure::explanation;
use super::settings::SettingError;
use super::upload::Refusal;
use crate::domain::quota::OverQuota;

/// The room cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The engine does not start on this machine.
    #[error("start the WebAssembly engine: {0}")]
    Engine(String),
    /// The operating system gives no thread.
    #[error("start a thread for plugins")]
    Thread(#[source] io::Error),
}

impl PluginError {
    pub(super) fn engine(error: wasmtime::Error) -> Self {
        Self::Engine(format!("{error:#}"))
    }
}

/// An artefact does not load. It was made by another engine, or for another kind of plugin: prepare
/// it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("load the compiled plugin: {0}")]
pub struct LoadError(pub String);

impl LoadError {
    pub(super) fn of(error: wasmtime::Error) -> Self {
        Self(format!("{error:#}"))
    }
}

/// An upload was not inspected to a good end.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It breaks a rule; its author can do something about it.
    #[error("accept the plugin: {0}")]
    Refused(Refusal),
    /// As many jobs of this owner wait as may: ask again later.
    #[error("check the plugin: {0}")]
    TooMany(String),
    /// The compile child does not work; the operator can do something about it.
    #[error("run the compile child: {0}")]
    Unavailable(String),
}

/// Settings were not checked against their schema to a good end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidationError {
    /// Schema and settings together take more time, memory or stack than a check has.
    #[error("check the settings against the plugin's schema: {0}")]
    TooCostly(String),
    /// As many checks of this owner wait as may: ask again later.
    #[error("check the settings: {0}")]
    TooMany(String),
    /// The child does not work, or had no time on this machine.
    #[error("run the child that checks settings: {0}")]
    Unavailable(String),
}

/// Why settings cannot be enabled with a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("prepare the plugin ({name}): {reason}")]
pub struct PrepareFailure {
    /// Its name: `invalid-settings`, `called-import`, `snapshot-too-large`, `not-snapshottable`,
    /// `not-compilable`, `not-loadable`, `too-slow-to-compile`, `too-large-to-compile`, `crashed`, `over-quota`,
    /// `unavailable`, or that of a
    /// [`FailureKind`](super::FailureKind).
    pub name: String,
    /// What happened.
    pub reason: String,
    /// What is wrong with the settings, by place.
    #[serde(default)]
    pub setting_errors: Vec<SettingError>,
}

const UNAVAILABLE: &str = "unavailable";

impl From<LoadError> for PrepareFailure {
    fn from(error: LoadError) -> Self {
        Self::new("not-loadable", error.to_string())
    }
}

impl PrepareFailure {
    pub(super) fn new(name: &str, reason: impl Into<String>) -> Self {
        // It may quote names of the component, or the last words of a child.
        Self { name: name.to_owned(), reason: explanation(&reason.into()), setting_errors: Vec::new() }
    }

    /// Something outside the plugin is missing: the same may work later.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::new(UNAVAILABLE, reason)
    }

    /// Compiled, it is more than its owner may keep.
    pub fn over_quota(over: &OverQuota) -> Self {
        Self::new("over-quota", format!("{over}; {}", over.remedy()))
    }

    /// Whether the host lacked something, so that the plugin is not to blame.
    pub fn is_the_hosts(&self) -> bool {
        self.name == UNAVAILABLE
    }

    pub(super) fn invalid_settings(setting_errors: Vec<SettingError>) -> Self {
        let reason = match setting_errors.as_slice() {
            [] => "the plugin refuses the settings without saying why".to_owned(),
            [only] => format!("`{}`: {}", only.pointer, only.message),
            [first, rest @ ..] => {
                format!("`{}`: {} (and {} more)", first.pointer, first.message, rest.len())
            }
        };
        Self { name: "invalid-settings".into(), reason, setting_errors }
    }
}
