//! Ctrl-C and SIGTERM: the first orders the work to stop, a second one ends the process at once, and so does
//! the deadline.
//!
//! On a thread and a runtime of their own: where every thread of the work's runtime is busy, or waits for
//! what does not come, the process still ends when told.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::telemetry::outlet;

/// With which status a second signal ends the process: as a shell reports one that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// With which status the process ends whose work did not stop in time: as `timeout` of the coreutils does.
pub(super) const LATE: i32 = 124;

/// What is said of that.
pub(super) const NOT_IN_TIME: &str =
    "Switchboard did not stop in time: it ends now, and the next start inspects the repository.";

/// Cancels `stop` at the first signal. From then on, however `stop` was cancelled, a second signal ends the
/// process, and so does `deadline` where there is one.
pub(super) fn stop_on_signal(stop: CancellationToken, deadline: Option<Duration>) -> anyhow::Result<()> {
    let (ready, is_ready) = mpsc::sync_channel(1);
    let watch = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listening = runtime.and_then(|runtime| {
            let signals = runtime.block_on(async { Signals::listen() })?;
            Ok((runtime, signals))
        });
        match listening {
            Ok((runtime, signals)) => {
                let _ = ready.send(Ok(()));
                runtime.block_on(end_when_told(signals, stop, deadline));
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(watch).context("start a thread for signals")?;
    is_ready.recv().context("listen for signals")?.context("listen for signals")
}

/// Ends the process now, whatever is under way. What was acknowledged is on the disk.
pub(super) fn end_at_once(status: i32, why: &str) -> ! {
    outlet::stderr().line(why);
    outlet::stderr().finish();
    std::process::exit(status)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

async fn end_when_told(mut signals: Signals, stop: CancellationToken, deadline: Option<Duration>) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = signals.next() => {
            // Ordered first, told afterwards: the reader may not read.
            stop.cancel();
            outlet::stderr().line("Switchboard finishes what is under way; once more to stop at once.");
        }
    }
    let too_late = async {
        match deadline {
            Some(deadline) => tokio::time::sleep(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = signals.next() => end_at_once(INTERRUPTED, "Switchboard stops at once."),
        () = too_late => end_at_once(LATE, NOT_IN_TIME),
    }
}
