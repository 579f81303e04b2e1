//! The compile child: confines itself, reads one job, writes one answer, ends.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::protocol::{self, Answer, Job};
use super::{confine, inspect, prepare, validate};
use crate::plugin::budget::ChildLimits;
use crate::plugin::engine::Engine;
use crate::plugin::error::{PluginError, PrepareFailure};
use crate::plugin::upload::{Refusal, RefusalKind};

/// Why a child ends without an answer.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The system does not let it limit itself.
    #[error("confine itself")]
    Confine(#[source] io::Error),
    /// The pipes to the host are broken.
    #[error("talk to the host")]
    Pipe(#[from] io::Error),
    /// The host says something else than a job.
    #[error("understand the job: {0}")]
    Protocol(String),
    /// The engine does not start.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

/// Confines this process, does the job that stands on `input` and writes its answer to `output`.
pub fn serve(limits: &ChildLimits, input: impl Read, output: impl Write) -> Result<(), ChildError> {
    confine::begin(limits, confine::COMPILING).map_err(unconfined)?;
    confine::leave_network();
    let engine = Engine::new(1)?;
    confine::end(limits).map_err(unconfined)?;
    let message = read(input)?;
    let (job, component) = protocol::decode(&message).map_err(ChildError::Protocol)?;
    let (answer, artefact) = work(&engine, &job, component);
    write(output, &answer, &artefact)
}

/// The same for a job that needs no engine: to start one takes longer than to check settings, and so does to
/// leave the network, which nothing here could be made to use.
pub fn serve_validation(
    limits: &ChildLimits,
    input: impl Read,
    output: impl Write,
) -> Result<(), ChildError> {
    confine::begin(limits, confine::VALIDATING).map_err(unconfined)?;
    confine::end(limits).map_err(unconfined)?;
    let message = read(input)?;
    let (job, _) = protocol::decode(&message).map_err(ChildError::Protocol)?;
    write(output, &validate::check(job)?, &[])
}

fn unconfined(error: rustix::io::Errno) -> ChildError {
    ChildError::Confine(error.into())
}

fn read(mut input: impl Read) -> Result<Vec<u8>, ChildError> {
    let mut message = Vec::new();
    input.read_to_end(&mut message)?;
    Ok(message)
}

fn write(mut output: impl Write, answer: &impl Serialize, artefact: &[u8]) -> Result<(), ChildError> {
    output.write_all(&protocol::encode_header(answer).map_err(ChildError::Protocol)?)?;
    output.write_all(artefact)?;
    Ok(output.flush()?)
}

/// Does one job. The snapshotting crate panics on what it does not expect; here that is an answer.
fn work(engine: &Engine, job: &Job, component: &[u8]) -> (Answer, Vec<u8>) {
    let done = catch_unwind(AssertUnwindSafe(|| match job {
        Job::Inspect => match inspect::inspect(engine, component) {
            Ok(inspected) => {
                let inspect::Inspection { manifest, imports, artefact } = inspected;
                (Answer::Inspected { manifest, imports }, artefact)
            }
            Err(refusal) => (Answer::Refused(refusal), Vec::new()),
        },
        Job::Prepare { kind, settings } => match prepare::prepare(engine, *kind, settings, component) {
            Ok(artefact) => (Answer::Prepared, artefact),
            Err(failure) => (Answer::PrepareFailed(failure), Vec::new()),
        },
    }));
    done.unwrap_or_else(|panic| (panicked(job, &text_of(&*panic)), Vec::new()))
}

fn panicked(job: &Job, text: &str) -> Answer {
    match job {
        Job::Inspect => {
            Answer::Refused(Refusal::new(RefusalKind::Crashed, format!("reading it ended in: {text}")))
        }
        Job::Prepare { .. } => Answer::PrepareFailed(PrepareFailure::new(
            "not-snapshottable",
            format!("the snapshot ended in: {text}"),
        )),
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}
