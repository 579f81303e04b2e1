//! What the host needs of the system, against what the system gives: raised where that is possible, else the
//! host limits itself and says so, or ends with a remedy.

use std::io;
use std::thread;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::remedy::{Remedy, refused};
use crate::http::CONNECTIONS_MAX;

/// Files beside connections: the repository (some ten for each of its connections), what goes out, and the
/// pipes of compile children.
const OTHER_FILES: u64 = 512;

/// With fewer connections a host serves one busy client and no more.
const CONNECTIONS_MIN: u64 = 16;

/// A host asks for no more files than this, whatever the system would give: the kernel sets some memory aside
/// by this number.
const FILES_MAX: u64 = 1 << 16;

/// Threads beside the runtime's own that a host starts with, at least.
const OTHER_THREADS: usize = 16;

/// Raises the limit of open files as far as that is of use; how many connections there may be under it.
pub(super) fn connections_max() -> anyhow::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(FILES_MAX).min(FILES_MAX);
    let present = limit.current.unwrap_or(u64::MAX);
    let raised = present < most
        && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).is_ok();
    let files = if raised { most } else { present };
    let connections = connections_within(files)?;
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            files,
            connections,
            "the system gives the host few open files, so it takes fewer connections at once than {CONNECTIONS_MAX}: \
             raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd)"
        );
    }
    Ok(connections)
}

/// How many connections fit beside everything else.
fn connections_within(files: u64) -> anyhow::Result<usize> {
    let left = files.saturating_sub(OTHER_FILES.min(files / 2));
    if left < CONNECTIONS_MIN {
        return Err(refused(
            format!("the system gives the host {files} open files, with which it cannot serve"),
            format!(
                "raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd) to {} or more",
                OTHER_FILES + CONNECTIONS_MAX as u64
            ),
        ));
    }
    Ok(usize::try_from(left).unwrap_or(usize::MAX).min(CONNECTIONS_MAX))
}

/// Fails where the system does not give as many threads as a start takes: the runtime would panic.
pub(super) fn check_threads(wanted: usize) -> anyhow::Result<()> {
    let (keep, stop) = std::sync::mpsc::channel::<()>();
    let stop = std::sync::Arc::new(std::sync::Mutex::new(stop));
    let mut started = Vec::new();
    let mut failed: Option<io::Error> = None;
    for _ in 0..wanted + OTHER_THREADS {
        let stop = std::sync::Arc::clone(&stop);
        // Ends when `keep` goes.
        let wait = move || drop(stop.lock().map(|stop| stop.recv()));
        match thread::Builder::new().spawn(wait) {
            Ok(thread) => started.push(thread),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    drop(keep);
    let count = started.len();
    started.into_iter().for_each(|it| drop(it.join()));
    match failed {
        None => Ok(()),
        Some(error) => Err(error)
            .with_context(|| format!("start {} threads: the system gives {count}", wanted + OTHER_THREADS))
            .remedy(
                "raise the limit of processes (`ulimit -u`, LimitNPROC= or TasksMax= of systemd, pids.max of the \
                 control group), or start with fewer --threads",
            ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_connections_are_taken_where_the_system_gives_few_files() {
        let within = |files| connections_within(files).ok();
        assert_eq!(within(CONNECTIONS_MAX as u64 + OTHER_FILES), Some(CONNECTIONS_MAX));
        assert_eq!(within(u64::MAX), Some(CONNECTIONS_MAX));
        assert_eq!(within(4_096), Some(4_096 - 512));
        assert_eq!(within(1_024), Some(512));
        assert_eq!(within(64), Some(32));
        assert_eq!(within(20), None);
    }

    #[test]
    fn as_many_threads_as_a_start_takes_are_there() {
        check_threads(4).unwrap();
    }
}
