//! Compiling, and checking settings against a schema, in a process of its own.
//!
//! Whoever uploads a component decides what the compiler chews on, and wasmtime does not promise to
//! bound that; the author of a schema decides how many steps its check takes, and how deep they go. So the
//! host re-executes its own binary for every job, hands the bytes in and takes an answer out. The child
//! limits itself (see [`confine`]), the host limits its time and ends it, and one that dies takes nothing
//! with it.
//!
//! Checks have places and lines of their own: they take milliseconds, a caller waits for them, and
//! compiling takes minutes.

pub mod child;
mod confine;
pub(super) mod inspect;
pub(super) mod prepare;
mod protocol;
mod reader;
mod syscalls;
mod turns;
mod validate;

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::process::Signal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use self::turns::Turns;
use super::budget::ChildLimits;
pub(super) use protocol::{Answer, Job, Validation, ValidationResult};
pub use turns::Owner;

/// The subcommand under which the binary is a compile child.
pub const CHILD_COMMAND: &str = "compile-child";

/// The subcommand under which it is a child that checks settings, and has no engine.
pub const VALIDATION_COMMAND: &str = "validation-child";

/// How a child ends that could not work at all: the upload has nothing to do with it.
pub const UNABLE: u8 = 3;

/// No artefact is larger: 32 MiB of component compile to some 200 MiB.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What is kept of a child's last words.
const STDERR_BYTES_MAX: usize = 4 * 1024;

/// How the standard library begins its last words when the system gives no more memory.
const NO_MEMORY: &str = "memory allocation of";

/// How many uploads of one owner may wait, and how many checks: each is held in memory meanwhile.
pub const WAITING_JOBS_MAX: usize = 8;

/// Starts children, a few at a time.
pub(super) struct Compiler {
    program: PathBuf,
    compiling: Lane,
    validating: Lane,
    started: AtomicU64,
    network_told: AtomicBool,
    calls_told: AtomicBool,
    /// Cancelled when no job is to be done any more.
    stop: CancellationToken,
}

/// Jobs of one sort: the children that do them, and the places that these have.
struct Lane {
    command: &'static str,
    limits: ChildLimits,
    turns: Arc<Turns>,
}

/// How the children of each sort are limited, and how many are at work at once.
pub(super) struct Lanes {
    pub(super) compile: (usize, ChildLimits),
    pub(super) validate: (usize, ChildLimits),
}

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    /// It does not start, or does not speak; the upload has nothing to do with it.
    #[error("{0}")]
    Unavailable(String),
    /// As many jobs of the owner wait as may.
    #[error("{WAITING_JOBS_MAX} jobs of this department wait already")]
    LineFull,
    /// It was not finished by the clock.
    #[error("it was not finished after {0:?}")]
    Late(Duration),
    /// It used up its processor time.
    #[error("it used up its {} s of processor time", .0.as_secs())]
    TooSlow(Duration),
    /// It wanted more memory than it may have, or made more of it.
    #[error("{0}")]
    TooLarge(String),
    /// It ended before it answered.
    #[error("{0}")]
    Crashed(String),
}

impl Compiler {
    pub(super) fn new(program: PathBuf, lanes: Lanes) -> Self {
        let lane = |command, (places, limits)| Lane { command, limits, turns: Turns::new(places) };
        Self {
            program,
            compiling: lane(CHILD_COMMAND, lanes.compile),
            validating: lane(VALIDATION_COMMAND, lanes.validate),
            started: AtomicU64::new(0),
            network_told: AtomicBool::new(false),
            calls_told: AtomicBool::new(false),
            stop: CancellationToken::new(),
        }
    }

    /// Has a component inspected or prepared. Waits for the owner's turn first, and asks for the component only
    /// then: what waits holds no bytes.
    pub(super) async fn compile(
        &self,
        owner: Owner,
        job: &Job,
        component: impl Future<Output = Result<Bytes, ChildError>>,
    ) -> Result<(Answer, Bytes), ChildError> {
        let line_max = match job {
            Job::Inspect => WAITING_JOBS_MAX,
            // As many as there are activations.
            Job::Prepare { .. } => usize::MAX,
        };
        self.unless_stopped(async {
            let _place =
                self.compiling.turns.take(owner, line_max).await.map_err(|_| ChildError::LineFull)?;
            let message = [message_of(job)?, component.await?];
            self.started.fetch_add(1, Ordering::Relaxed);
            self.run(&self.compiling, message).await
        })
        .await
    }

    /// Has settings checked against a schema.
    pub(super) async fn validate(
        &self,
        owner: Owner,
        job: &Validation,
    ) -> Result<ValidationResult, ChildError> {
        self.unless_stopped(async {
            let message = [message_of(job)?, Bytes::new()];
            let place = self.validating.turns.take(owner, WAITING_JOBS_MAX).await;
            let _place = place.map_err(|_| ChildError::LineFull)?;
            Ok(self.run(&self.validating, message).await?.0)
        })
        .await
    }

    /// Ends every job, and does none any more.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Dropping a job's future kills its child.
    async fn unless_stopped<T>(
        &self,
        job: impl Future<Output = Result<T, ChildError>>,
    ) -> Result<T, ChildError> {
        let stopping = || ChildError::Unavailable("the host is shutting down".to_owned());
        self.stop.run_until_cancelled(job).await.unwrap_or_else(|| Err(stopping()))
    }

    /// How many children that compile were started so far.
    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Has one job done by a new child. The time limit counts from its start.
    async fn run<A: DeserializeOwned>(
        &self,
        lane: &Lane,
        message: [Bytes; 2],
    ) -> Result<(A, Bytes), ChildError> {
        let child = self.spawn(lane)?;
        // Dropping the future kills the child.
        let answer = match tokio::time::timeout(lane.limits.wall, self.converse(lane, child, message)).await {
            Ok(answered) => answered?,
            Err(_) => return Err(ChildError::Late(lane.limits.wall)),
        };
        let message = Bytes::from(answer);
        let (answer, artefact) = protocol::decode(&message).map_err(ChildError::Unavailable)?;
        // The same memory: an artefact may have hundreds of megabytes.
        Ok((answer, message.slice_ref(artefact)))
    }

    fn spawn(&self, lane: &Lane) -> Result<Child, ChildError> {
        let ChildLimits { cpu, memory_bytes, open_files, threads, .. } = lane.limits;
        Command::new(&self.program)
            .arg(lane.command)
            .args(["--memory-bytes", &memory_bytes.to_string()])
            .args(["--cpu-seconds", &cpu.as_secs().to_string()])
            .args(["--open-files", &open_files.to_string()])
            // What the host was given to know is none of a plugin's business.
            .env_clear()
            .env("RAYON_NUM_THREADS", threads.max(1).to_string())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // A terminal's Ctrl-C is meant for the host, which ends its children itself.
            .process_group(0)
            .spawn()
            .map_err(|error| ChildError::Unavailable(format!("start {}: {error}", self.program.display())))
    }

    /// What a child has to say to a message.
    async fn converse(
        &self,
        lane: &Lane,
        mut child: Child,
        message: [Bytes; 2],
    ) -> Result<Vec<u8>, ChildError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ChildError::Unavailable("it has no pipes".into()));
        };
        let write = async move {
            // A child that ends early closes its pipe; its exit status tells more than this error.
            for part in message {
                let _ = stdin.write_all(&part).await;
            }
            Ok(())
        };
        let hear = async { Ok(last_words(stderr).await) };
        let ((), answer, last_words) = tokio::try_join!(write, read_answer(stdout), hear)?;
        let status = child.wait().await.map_err(|error| ChildError::Unavailable(error.to_string()))?;
        self.tell_of_missing_walls(&last_words);
        if !status.success() {
            return Err(lane.ended(status, last_words.trim()));
        }
        Ok(answer)
    }

    /// Tells the operator, once, if a second wall is missing here.
    fn tell_of_missing_walls(&self, last_words: &str) {
        let first = |wall: &str, told: &AtomicBool| {
            let line = last_words.lines().find(|line| line.starts_with(wall))?;
            (!told.swap(true, Ordering::Relaxed)).then_some(line)
        };
        if let Some(told) = first(confine::KEEPS_NETWORK, &self.network_told) {
            tracing::warn!(told, "uploads are compiled with the network in reach; plugins have no way to it");
        }
        if let Some(told) = first(confine::KEEPS_CALLS, &self.calls_told) {
            tracing::warn!(told, "uploads are compiled with files in reach; plugins have no way to them");
        }
    }
}

impl Lane {
    /// Names the end of a child that gave no answer.
    fn ended(&self, status: ExitStatus, last_words: &str) -> ChildError {
        if status.code() == Some(UNABLE.into()) {
            return ChildError::Unavailable(last_words.to_owned());
        }
        match status.signal() {
            Some(signal) if signal == Signal::XCPU.as_raw() => ChildError::TooSlow(self.limits.cpu),
            Some(_) if last_words.contains(NO_MEMORY) => {
                let bytes = self.limits.memory_bytes;
                ChildError::TooLarge(format!("it wanted more than its {bytes} bytes of memory"))
            }
            _ => ChildError::Crashed(format!("it ended with {status}: {last_words}")),
        }
    }
}

fn message_of(job: &impl Serialize) -> Result<Bytes, ChildError> {
    Ok(protocol::encode_header(job).map_err(ChildError::Unavailable)?.into())
}

async fn read_answer(stdout: impl AsyncRead + Unpin) -> Result<Vec<u8>, ChildError> {
    let mut answer = Vec::new();
    let read = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
    match read {
        Ok(bytes) if bytes as u64 == ANSWER_BYTES_MAX => {
            Err(ChildError::TooLarge(format!("compiled, it has more than {ANSWER_BYTES_MAX} bytes")))
        }
        Ok(_) => Ok(answer),
        Err(error) => Err(ChildError::Unavailable(error.to_string())),
    }
}

/// Whether the system gave no more memory, where that is reported instead of ending the process.
fn is_out_of_memory(error: &wasmtime::Error) -> bool {
    // wasmtime's own types for it are private; the number is the system's (ENOMEM).
    format!("{error:#}").contains("os error 12")
}

/// The end of what a child says on its way out; all of it is read, so that it never waits for us.
async fn last_words(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..count]);
        let beyond = kept.len().saturating_sub(STDERR_BYTES_MAX);
        kept.drain(..beyond);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_job_holds_no_component() {
        let lanes = Lanes { compile: (1, ChildLimits::ORDINARY), validate: (1, ChildLimits::ORDINARY) };
        let compiler = Compiler::new("/nonexistent/compile-child".into(), lanes);
        let is_read = AtomicBool::new(false);
        let component = async {
            is_read.store(true, Ordering::Relaxed);
            Ok(Bytes::from_static(b"component"))
        };
        let job = Job::Prepare { kind: crate::domain::release::PluginKind::Policy, settings: "{}".into() };
        let place =
            compiler.compiling.turns.take(None, 1).await.unwrap_or_else(|_| panic!("the line is empty"));
        let mut waiting = Box::pin(compiler.compile(None, &job, component));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert!(!is_read.load(Ordering::Relaxed));
        drop(place);
        assert!(matches!(waiting.await, Err(ChildError::Unavailable(_))), "there is no such child");
        assert!(is_read.load(Ordering::Relaxed));
    }
}
