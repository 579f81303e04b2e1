//! Compiling, in a process of its own.
//!
//! Whoever uploads a component decides what the compiler chews on, and wasmtime does not promise to
//! bound that. So the host re-executes its own binary for every job, hands the bytes in and takes an
//! artefact out. The child limits itself (see [`confine`]), the host limits its time and ends it, and
//! one that dies takes nothing with it.

pub mod child;
mod confine;
pub(super) mod inspect;
pub(super) mod prepare;
mod protocol;
mod reader;
mod turns;

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use self::turns::Turns;
use super::budget::ChildLimits;
pub(super) use protocol::{Answer, Job};
pub use turns::Owner;

/// The subcommand under which the binary is a compile child.
pub const CHILD_COMMAND: &str = "compile-child";

/// How a child ends that could not work at all: the upload has nothing to do with it.
pub const UNABLE: u8 = 3;

/// No artefact is larger: 32 MiB of component compile to some 200 MiB.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What is kept of a child's last words.
const STDERR_BYTES_MAX: usize = 4 * 1024;

/// How the standard library begins its last words when the system gives no more memory.
const NO_MEMORY: &str = "memory allocation of";

/// How many uploads of one owner may wait: each is held in memory meanwhile.
const UPLOADS_WAITING_MAX: usize = 8;

/// Starts compile children, a few at a time.
pub(super) struct Compiler {
    program: PathBuf,
    limits: ChildLimits,
    turns: Arc<Turns>,
    started: AtomicU64,
    /// Whether it was said that children keep their network: once is enough.
    network_told: AtomicBool,
}

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    /// It does not start, or does not speak; the upload has nothing to do with it.
    #[error("{0}")]
    Unavailable(String),
    /// It was stopped after its time.
    #[error("{0}")]
    TooSlow(String),
    /// It wanted more memory than it may have, or made more of it.
    #[error("{0}")]
    TooLarge(String),
    /// It ended before it answered.
    #[error("{0}")]
    Crashed(String),
}

impl Compiler {
    pub(super) fn new(program: PathBuf, children_max: usize, limits: ChildLimits) -> Self {
        Self {
            program,
            limits,
            turns: Turns::new(children_max),
            started: AtomicU64::new(0),
            network_told: AtomicBool::new(false),
        }
    }

    /// Has one job done. Waits for the owner's turn first, and asks for the component only then: what waits
    /// holds no bytes. The time limit counts from the child's start.
    pub(super) async fn run(
        &self,
        owner: Owner,
        job: &Job,
        component: impl Future<Output = Result<Bytes, ChildError>>,
    ) -> Result<(Answer, Bytes), ChildError> {
        let line_max = match job {
            Job::Inspect => UPLOADS_WAITING_MAX,
            // As many as there are activations.
            Job::Prepare { .. } => usize::MAX,
        };
        let _place = self.turns.take(owner, line_max).await.map_err(|_| {
            ChildError::Unavailable(format!("{line_max} uploads of this department wait already"))
        })?;
        let header = protocol::encode_header(job).map_err(ChildError::Unavailable)?;
        let component = component.await?;
        let child = self.spawn()?;
        self.started.fetch_add(1, Ordering::Relaxed);
        // Dropping the future kills the child.
        match tokio::time::timeout(self.limits.wall, self.converse(child, header, component)).await {
            Ok(answered) => answered,
            Err(_) => Err(ChildError::TooSlow(format!("it was not finished after {:?}", self.limits.wall))),
        }
    }

    /// How many children were started so far.
    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    fn spawn(&self) -> Result<Child, ChildError> {
        let ChildLimits { cpu, memory_bytes, open_files, threads, .. } = self.limits;
        Command::new(&self.program)
            .arg(CHILD_COMMAND)
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

    async fn converse(
        &self,
        mut child: Child,
        header: Vec<u8>,
        component: Bytes,
    ) -> Result<(Answer, Bytes), ChildError> {
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(ChildError::Unavailable("it has no pipes".into()));
        };
        let write = async move {
            // A child that ends early closes its pipe; its exit status tells more than this error.
            let _ = stdin.write_all(&header).await;
            let _ = stdin.write_all(&component).await;
            Ok(())
        };
        let hear = async { Ok(last_words(stderr).await) };
        let ((), answer, last_words) = tokio::try_join!(write, read_answer(stdout), hear)?;
        let status = child.wait().await.map_err(|error| ChildError::Unavailable(error.to_string()))?;
        self.tell_of_network(&last_words);
        if !status.success() {
            return Err(self.ended(status, last_words.trim()));
        }
        let message = Bytes::from(answer);
        let (answer, artefact) = protocol::decode(&message).map_err(ChildError::Unavailable)?;
        // The same memory: an artefact may have hundreds of megabytes.
        Ok((answer, message.slice_ref(artefact)))
    }

    /// Tells the operator if a second wall is missing here.
    fn tell_of_network(&self, last_words: &str) {
        let Some(told) = last_words.lines().find(|line| line.starts_with(confine::KEEPS_NETWORK)) else {
            return;
        };
        if !self.network_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(told, "uploads are compiled with the network in reach; plugins have no way to it");
        }
    }

    /// Names the end of a child that gave no answer.
    fn ended(&self, status: ExitStatus, last_words: &str) -> ChildError {
        if status.code() == Some(UNABLE.into()) {
            return ChildError::Unavailable(last_words.to_owned());
        }
        match status.signal() {
            Some(signal) if signal == Signal::XCPU.as_raw() => {
                let seconds = self.limits.cpu.as_secs();
                ChildError::TooSlow(format!("it used up its {seconds} s of processor time"))
            }
            Some(_) if last_words.contains(NO_MEMORY) => {
                let bytes = self.limits.memory_bytes;
                ChildError::TooLarge(format!("it wanted more than its {bytes} bytes of memory"))
            }
            _ => ChildError::Crashed(format!("it ended with {status}: {last_words}")),
        }
    }
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
        let compiler = Compiler::new("/nonexistent/compile-child".into(), 1, ChildLimits::ORDINARY);
        let is_read = AtomicBool::new(false);
        let component = async {
            is_read.store(true, Ordering::Relaxed);
            Ok(Bytes::from_static(b"component"))
        };
        let job = Job::Prepare { kind: crate::domain::release::PluginKind::Policy, settings: "{}".into() };
        let place = compiler.turns.take(None, 1).await.unwrap_or_else(|_| panic!("the line is empty"));
        let mut waiting = Box::pin(compiler.run(None, &job, component));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert!(!is_read.load(Ordering::Relaxed));
        drop(place);
        assert!(matches!(waiting.await, Err(ChildError::Unavailable(_))), "there is no such child");
        assert!(is_read.load(Ordering::Relaxed));
    }
}
