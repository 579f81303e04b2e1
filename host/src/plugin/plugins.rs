//! The room's front: inspect, prepare, load, run.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::adapter::Adapter;
use super::budget::{Budget, ChildLimits};
use super::compile::{Answer, ChildError, Compiler, Job, Lanes, Owner, Validation, ValidationResult};
use super::digest::{canonical, digest};
use super::engine::Engine;
use super::error::{InspectError, LoadError, PluginError, PrepareFailure, ValidationError};
use super::executor::Executor;
use super::failure::cut;
use super::load::load;
use super::policy::Policy;
use super::seal::{Artefact, MadeOf, Seal};
use super::settings::{SettingError, check_size, unusable_schema};
use super::upload::{Refusal, RefusalKind};
use crate::domain::release::{Manifest, PluginKind};

/// Compiles at once; each takes a few hundred megabytes. One owner has all but one of them at most.
const CHILDREN_MAX: usize = 3;

/// Checks of settings at once: they are short, and one owner has all but one of the places at most.
const VALIDATIONS_MAX: usize = 3;

/// Slots for calls outside the executor, such as settings' checks and benchmarks, and on the thread that each
/// pace has more.
const SPARE_THREADS: usize = 4;

/// The most that is kept of the last words of a child that checked settings, in bytes.
const EXPLANATION_BYTES_MAX: usize = 200;

/// How the room is set up.
#[derive(Clone, Debug)]
pub struct PluginConfig {
    /// The executable that is a compile child under `compile-child`: the host's own.
    pub child_program: PathBuf,
    /// Threads for guest calls.
    pub threads: usize,
    /// Compile children at once.
    pub children_max: usize,
    /// What one compile child may use.
    pub child_limits: ChildLimits,
    /// What one check of settings may use.
    pub validation_limits: ChildLimits,
}

impl PluginConfig {
    /// The defaults, with that executable as the compile child.
    pub fn new(child_program: PathBuf) -> Self {
        Self {
            child_program,
            threads: thread::available_parallelism().map_or(1, usize::from),
            children_max: CHILDREN_MAX,
            child_limits: ChildLimits::ORDINARY,
            validation_limits: ChildLimits::VALIDATION,
        }
    }
}

impl Default for PluginConfig {
    /// This executable is the compile child; where the system does not tell which that is, the one
    /// found by name.
    fn default() -> Self {
        Self::new(std::env::current_exe().unwrap_or_else(|_| "switchboard".into()))
    }
}

/// The sandbox.
pub struct Plugins {
    engine: Engine,
    compiler: Compiler,
    executor: Executor,
}

/// An upload that was found good.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it imports that can be called.
    pub imports: Vec<String>,
    /// SHA-256 of its bytes, hexadecimal.
    pub digest: String,
    /// The component compiled as it is: an adapter's artefact. A policy's comes from
    /// [`Plugins::prepare`].
    pub artefact: Artefact,
}

/// The form in which an inspection is kept on a shelf: all but the artefact, as JSON.
#[derive(Serialize, Deserialize)]
struct InspectedHead {
    manifest: Manifest,
    imports: Vec<String>,
    digest: String,
}

impl Inspected {
    /// As it is kept: under seal, one line of JSON, then the artefact.
    pub fn close(&self, seal: &Seal, made_of: &MadeOf) -> Vec<u8> {
        let Self { manifest, imports, digest, artefact } = self.clone();
        let head = InspectedHead { manifest, imports, digest };
        // A manifest is plain data: writing it as JSON does not fail.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(artefact.bytes());
        seal.close_bytes(made_of, &bytes)
    }

    /// What [`Inspected::close`] wrote; absent if the bytes are something else.
    pub fn open(seal: &Seal, made_of: &MadeOf, kept: &[u8]) -> Option<Self> {
        let bytes = seal.open_bytes(made_of, kept)?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let InspectedHead { manifest, imports, digest } = serde_json::from_slice(&bytes[..end]).ok()?;
        Some(Self {
            manifest,
            imports,
            digest,
            artefact: Artefact::made(Bytes::copy_from_slice(&bytes[end + 1..])),
        })
    }
}

impl Plugins {
    /// Why no guest can be called any more, or not ended any more, if that is so.
    pub fn illness(&self) -> Option<String> {
        let ended = self.executor.threads_ended();
        if ended > 0 {
            return Some(format!("{ended} threads of the sandbox have ended"));
        }
        self.engine.is_unclocked().then(|| "the clock of the sandbox has ended".to_owned())
    }

    /// Ends compile children at once, and starts none any more: the host stops.
    pub fn stop_compiling(&self) {
        self.compiler.stop();
    }

    /// Opens the room.
    pub fn new(config: PluginConfig) -> Result<Arc<Self>, PluginError> {
        let threads = config.threads.max(1);
        let slots = u32::try_from(threads + SPARE_THREADS).unwrap_or(u32::MAX);
        let lanes = Lanes {
            compile: (config.children_max, config.child_limits),
            validate: (VALIDATIONS_MAX, config.validation_limits),
        };
        Ok(Arc::new(Self {
            engine: Engine::new(slots)?,
            compiler: Compiler::new(config.child_program, lanes),
            executor: Executor::new(threads).map_err(PluginError::Thread)?,
        }))
    }

    /// Names the engine: version, configuration and limits. Part of artefact keys and receipts.
    pub fn fingerprint(&self) -> &str {
        self.engine.fingerprint()
    }

    /// How many jobs the compile child was given so far: none by a restart.
    pub fn compilations(&self) -> u64 {
        self.compiler.started()
    }

    /// The threads for guest calls.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Checks an upload in a compile child, when it is this owner's turn, and the schema that it declares in
    /// another.
    pub async fn inspect(&self, owner: Owner, component: Bytes) -> Result<Inspected, InspectError> {
        let digest = digest(&component);
        let component = async { Ok(component) };
        let (manifest, imports, artefact) = match self.compiler.compile(owner, &Job::Inspect, component).await
        {
            Ok((Answer::Inspected { manifest, imports }, artefact)) => (manifest, imports, artefact),
            Ok((Answer::Refused(refusal), _)) => return Err(InspectError::Refused(refusal)),
            Ok(_) => return Err(InspectError::Unavailable("it answered something else".into())),
            Err(error) => return Err(inspect_error(&error)),
        };
        self.check_schema(owner, &manifest.settings_schema).await?;
        Ok(Inspected { manifest, imports, digest, artefact: Artefact::made(artefact) })
    }

    /// Refuses a schema that is none, or with which not even empty settings can be checked within bounds.
    async fn check_schema(&self, owner: Owner, schema: &Value) -> Result<(), InspectError> {
        let job = Validation { schema: schema.clone(), settings: Value::Object(serde_json::Map::new()) };
        let (kind, found) = match self.compiler.validate(owner, &job).await {
            Ok(ValidationResult::Validated(_)) => return Ok(()),
            Ok(ValidationResult::SchemaUnusable(reason)) => {
                (RefusalKind::BadManifest, format!("the manifest is wrong: settings-schema: {reason}"))
            }
            Err(error) => match validation_error(&error) {
                ValidationError::TooCostly(found) => (
                    RefusalKind::SchemaTooCostly,
                    format!("check empty settings against the schema: {found}"),
                ),
                ValidationError::TooMany(why) => return Err(InspectError::TooMany(why)),
                ValidationError::Unavailable(why) => return Err(InspectError::Unavailable(why)),
            },
        };
        Err(InspectError::Refused(Refusal::new(kind, found)))
    }

    /// Checks settings against the schema that a manifest declares, in a child of their own, when it is this
    /// owner's turn. Returns their errors; none when a plugin may see them.
    pub async fn check_settings(
        &self,
        owner: Owner,
        schema: &Value,
        settings: &Value,
    ) -> Result<Vec<SettingError>, ValidationError> {
        if let Some(error) = check_size(settings) {
            return Ok(vec![error]);
        }
        let job = Validation { schema: schema.clone(), settings: settings.clone() };
        match self.compiler.validate(owner, &job).await {
            Ok(ValidationResult::Validated(errors)) => Ok(errors),
            Ok(ValidationResult::SchemaUnusable(reason)) => Ok(vec![unusable_schema(&reason)]),
            Err(error) => Err(validation_error(&error)),
        }
    }

    /// Makes an inspected component ready to be called with these settings, in a compile child, when
    /// it is this owner's turn. The settings match the schema already; see [`Plugins::check_settings`].
    pub async fn prepare(
        &self,
        owner: Owner,
        component: Bytes,
        kind: PluginKind,
        settings: &Value,
    ) -> Result<Artefact, PrepareFailure> {
        self.prepare_late(owner, async { Ok(component) }, kind, settings).await
    }

    /// The same with a component that is read when it is this owner's turn; an error says why it cannot be.
    pub async fn prepare_late(
        &self,
        owner: Owner,
        component: impl Future<Output = Result<Bytes, String>>,
        kind: PluginKind,
        settings: &Value,
    ) -> Result<Artefact, PrepareFailure> {
        let component = async { component.await.map_err(ChildError::Unavailable) };
        let job = Job::Prepare { kind, settings: canonical(settings).to_string() };
        match self.compiler.compile(owner, &job, component).await {
            Ok((Answer::Prepared, artefact)) => Ok(Artefact::made(artefact)),
            Ok((Answer::PrepareFailed(failure), _)) => Err(failure),
            Ok(_) => Err(PrepareFailure::unavailable("the compile child answered something else")),
            Err(error) => Err(prepare_failure(&error)),
        }
    }

    /// Loads a policy's artefact, as [`Plugins::prepare`] made it.
    pub fn load_policy(&self, artefact: &Artefact, manifest: Arc<Manifest>) -> Result<Policy, LoadError> {
        Policy::new(self.engine.clone(), load(&self.engine, artefact)?, manifest, Budget::POLICY)
    }

    /// Loads an adapter's artefact, as [`Plugins::prepare`] or [`Plugins::inspect`] made it.
    pub fn load_adapter(&self, artefact: &Artefact, manifest: Arc<Manifest>) -> Result<Adapter, LoadError> {
        Adapter::new(self.engine.clone(), load(&self.engine, artefact)?, manifest)
    }
}

fn inspect_error(error: &ChildError) -> InspectError {
    let kind = match error {
        ChildError::Unavailable(why) => return InspectError::Unavailable(why.clone()),
        ChildError::LineFull => return InspectError::TooMany(error.to_string()),
        ChildError::TooSlow(_) | ChildError::Late(_) => RefusalKind::TooSlowToCompile,
        ChildError::TooLarge(_) => RefusalKind::TooLargeToCompile,
        ChildError::Crashed(_) => RefusalKind::Crashed,
    };
    InspectError::Refused(Refusal::new(kind, format!("checking the component: {error}")))
}

fn prepare_failure(error: &ChildError) -> PrepareFailure {
    let name = match error {
        ChildError::Unavailable(_) | ChildError::LineFull => "unavailable",
        ChildError::TooSlow(_) | ChildError::Late(_) => RefusalKind::TooSlowToCompile.name(),
        ChildError::TooLarge(_) => RefusalKind::TooLargeToCompile.name(),
        ChildError::Crashed(_) => RefusalKind::Crashed.name(),
    };
    PrepareFailure::new(name, format!("configuring and compiling: {error}"))
}

/// Nothing that a check does waits for anything, so one that is late had no time on this machine; one that
/// ended otherwise had the time and the memory that it may have, or no stack left.
fn validation_error(error: &ChildError) -> ValidationError {
    let why = error.to_string();
    match error {
        ChildError::Unavailable(_) | ChildError::Late(_) => ValidationError::Unavailable(why),
        ChildError::LineFull => ValidationError::TooMany(why),
        ChildError::TooSlow(_) | ChildError::TooLarge(_) => ValidationError::TooCostly(why),
        ChildError::Crashed(_) => ValidationError::TooCostly(cut(&why, EXPLANATION_BYTES_MAX)),
    }
}
