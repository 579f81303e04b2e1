//! What an uploaded file must be, and what to tell its author when it is not.

mod contract;
mod file;
mod manifest;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use contract::read_shape;
pub(super) use file::check_file;
pub(super) use manifest::check_manifest;

use super::failure::cut;

/// What is kept of a refusal's text.
const FOUND_BYTES_MAX: usize = 4 * 1024;

/// Why an upload is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Its name for programs.
    pub name: RefusalKind,
    /// What was found.
    pub found: String,
    /// What the author can do about it.
    pub remedy: String,
}

/// The kinds of refusal; each has a name for programs and a remedy for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The file is too large.
    TooLarge,
    /// The file ends early.
    Truncated,
    /// The file is no WebAssembly.
    NotWasm,
    /// WebAssembly in text form.
    TextFormat,
    /// Compiled machine code.
    Precompiled,
    /// A core module instead of a component.
    CoreModule,
    /// The component is not valid.
    Invalid,
    /// It imports what the host does not offer.
    ForeignImport,
    /// It follows another version of the contract.
    UnsupportedContract,
    /// It does not export what its kind must.
    WrongWorld,
    /// It does not compile.
    NotCompilable,
    /// Checking and compiling it took too long.
    TooSlowToCompile,
    /// Checking and compiling it took too much memory.
    TooLargeToCompile,
    /// Checking and compiling it ended the compile child.
    Crashed,
    /// It does not say what it is.
    DescribeFailed,
    /// What it says of itself breaks the contract.
    BadManifest,
    /// Checking settings against its schema takes too much.
    SchemaTooCostly,
}

impl Refusal {
    /// A refusal; `found` may quote the file.
    pub(super) fn new(kind: RefusalKind, found: impl AsRef<str>) -> Self {
        Self { name: kind, found: cut(found.as_ref(), FOUND_BYTES_MAX), remedy: kind.remedy().to_owned() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.found, self.remedy)
    }
}

impl fmt::Display for RefusalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl RefusalKind {
    /// Its name for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::Truncated => "truncated",
            Self::NotWasm => "not-wasm",
            Self::TextFormat => "text-format",
            Self::Precompiled => "precompiled",
            Self::CoreModule => "core-module",
            Self::Invalid => "invalid",
            Self::ForeignImport => "foreign-import",
            Self::UnsupportedContract => "unsupported-contract",
            Self::WrongWorld => "wrong-world",
            Self::NotCompilable => "not-compilable",
            Self::TooSlowToCompile => "too-slow-to-compile",
            Self::TooLargeToCompile => "too-large-to-compile",
            Self::Crashed => "crashed",
            Self::DescribeFailed => "describe-failed",
            Self::BadManifest => "bad-manifest",
            Self::SchemaTooCostly => "schema-too-costly",
        }
    }

    /// What the author can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::TooLarge => "leave out debug information and data; 32 MiB is the most",
            Self::Truncated => "the file is not whole: build or copy it again",
            Self::NotWasm => "upload the `.wasm` that `switchboard plugin build` writes",
            Self::TextFormat => "upload the binary form: `wasm-tools parse plugin.wat -o plugin.wasm`",
            Self::Precompiled => "upload the component itself; the host compiles it",
            Self::CoreModule => {
                "make it a component: `switchboard plugin build`, or `wasm-tools component new`"
            }
            Self::Invalid => "build it again with current tools; `wasm-tools validate` shows the place",
            Self::ForeignImport => {
                "a plugin may import `switchboard:plugin/log` alone, an adapter `secrets` too. Rust: build for \
                 wasm32-unknown-unknown. JavaScript: componentize-js with disableFeatures random, \
                 stdio, clocks, http and fetch-event. Python: componentize-py componentize --stub-wasi"
            }
            Self::UnsupportedContract => "build it against `switchboard:plugin@0.2.0`",
            Self::WrongWorld => {
                "export `switchboard:plugin/plugin@0.2.0`, and either `adapter` or `policy` of the \
                 same package, in the shape the contract gives them"
            }
            Self::NotCompilable => "make functions smaller or fewer; use no experimental proposals",
            Self::TooSlowToCompile => "make functions smaller or fewer, or start up with less work",
            Self::TooLargeToCompile => "make functions smaller or fewer, or split the largest of them",
            Self::Crashed => "if the file is an ordinary build, report it with the file",
            Self::DescribeFailed => "`describe` must answer without settings, in little time and memory",
            Self::BadManifest => "correct what `describe` returns",
            Self::SchemaTooCostly => {
                "make the schema simpler: fewer references one behind another, no alternatives that lead to the \
                 same place"
            }
        }
    }
}
