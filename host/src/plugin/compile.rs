//! Compiling, in a process of its own.
//!
//! Whoever uploads a component decides what the compiler chews on, and wasmtime does not promise to
//! bound that. So the host re-executes its own binary for every job, hands the bytes in and takes an
//! artefact out; time is limited here, and a child that dies takes nothing with it.

pub mod child;
pub(super) mod inspect;
pub(super) mod prepare;
mod protocol;
mod reader;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

pub(super) use protocol::{Answer, Job};

/// The subcommand under which the binary is a compile child.
pub const CHILD_COMMAND: &str = "compile-child";

/// No artefact is larger: 32 MiB of component compile to some 200 MiB.
const ANSWER_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// What is kept of a child's last words.
const STDERR_BYTES_MAX: usize = 4 * 1024;

/// Starts compile children, a few at a time.
pub(super) struct Compiler {
    program: PathBuf,
    timeout: Duration,
    places: Semaphore,
    started: AtomicU64,
}

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChildError {
    /// It does not start, or does not speak; the upload has nothing to do with it.
    #[error("{0}")]
    Unavailable(String),
    /// It was stopped after its time.
    #[error("it was not finished after {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It ended before it answered.
    #[error("{0}")]
    Crashed(String),
}

impl Compiler {
    pub(super) fn new(program: PathBuf, children_max: usize, timeout: Duration) -> Self {
        Self { program, timeout, places: Semaphore::new(children_max.max(1)), started: AtomicU64::new(0) }
    }

    /// Has one job done. Waits for its turn first; the time limit counts from its start.
    pub(super) async fn run(&self, job: &Job, component: Bytes) -> Result<(Answer, Vec<u8>), ChildError> {
        let _place =
            self.places.acquire().await.map_err(|error| ChildError::Unavailable(error.to_string()))?;
        let header = protocol::encode_header(job).map_err(ChildError::Unavailable)?;
        let child = self.spawn()?;
        self.started.fetch_add(1, Ordering::Relaxed);
        // Dropping the future kills the child.
        tokio::time::timeout(self.timeout, converse(child, header, component))
            .await
            .map_err(|_| ChildError::TimedOut(self.timeout))?
    }

    /// How many children were started so far.
    pub(super) fn started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    fn spawn(&self) -> Result<Child, ChildError> {
        Command::new(&self.program)
            .arg(CHILD_COMMAND)
            // What the host was given to know is none of a plugin's business.
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| ChildError::Unavailable(format!("start {}: {error}", self.program.display())))
    }
}

async fn converse(
    mut child: Child,
    header: Vec<u8>,
    component: Bytes,
) -> Result<(Answer, Vec<u8>), ChildError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(ChildError::Unavailable("it has no pipes".into()));
    };
    let write = async move {
        // A child that ends early closes its pipe; its exit status tells more than this error.
        let _ = stdin.write_all(&header).await;
        let _ = stdin.write_all(&component).await;
    };
    let read = async move {
        let mut answer = Vec::new();
        stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await.map(|_| answer)
    };
    let ((), answer, last_words) = tokio::join!(write, read, last_words(stderr));
    let status = child.wait().await.map_err(|error| ChildError::Unavailable(error.to_string()))?;
    if !status.success() {
        return Err(ChildError::Crashed(format!("it ended with {status}: {}", last_words.trim())));
    }
    let answer = answer.map_err(|error| ChildError::Unavailable(error.to_string()))?;
    let (answer, artefact) = protocol::decode(&answer).map_err(ChildError::Unavailable)?;
    Ok((answer, artefact.to_vec()))
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
