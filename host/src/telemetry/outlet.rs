//! Standard output and standard error of a host: a line that cannot be written is dropped and counted.
//!
//! The reader of a pipe goes away, stops reading, or the disk under a log file is full. None of that may
//! fail or delay the caller, so a thread of its own writes, and callers only queue.
//!
//! Called by `log`, `panic` and `cli`; calls the operating system.
//!
//! **Invariant:** no function here fails, panics or waits for a reader, except [`Outlet::finish`] for a
//! bounded time.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

/// What may wait to be written: a burst of some ten thousand lines.
const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A longer line is cut. Guests' lines are shorter; what is longer is an error that quotes a document.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// What a waiting line costs beside its bytes.
const LINE_OVERHEAD_BYTES: usize = 64;

/// How long [`Outlet::finish`] waits for a reader that does not read: long enough that a busy machine loses
/// nothing.
const FINISH_TIMEOUT: Duration = Duration::from_secs(2);

/// A stream that lines are written to by a thread of its own.
#[derive(Debug)]
pub struct Outlet {
    lines: Sender<Message>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waiting_bytes: AtomicUsize,
    dropped: AtomicU64,
}

enum Message {
    Line(Vec<u8>),
    /// Everything before this was written or dropped.
    Finish(SyncSender<()>),
}

/// The process's standard output.
pub fn stdout() -> &'static Outlet {
    static STDOUT: OnceLock<Outlet> = OnceLock::new();
    STDOUT.get_or_init(|| Outlet::new("stdout", io::stdout()))
}

/// The process's standard error.
pub fn stderr() -> &'static Outlet {
    static STDERR: OnceLock<Outlet> = OnceLock::new();
    STDERR.get_or_init(|| Outlet::new("stderr", io::stderr()))
}

impl Outlet {
    /// An outlet to this stream. Where the system gives no thread, every line is dropped.
    fn new(name: &str, stream: impl Write + Send + 'static) -> Self {
        let (lines, waiting) = channel();
        let counts = Arc::new(Counts::default());
        let work = {
            let counts = Arc::clone(&counts);
            move || write_lines(&waiting, stream, &counts)
        };
        // The receiver goes with the closure where this fails: sending then fails, and counts.
        let _ = thread::Builder::new().name(name.to_owned()).spawn(work);
        Self { lines, counts }
    }

    /// Has a line written; the line break is added.
    pub fn line(&self, text: impl std::fmt::Display) {
        self.queue(format!("{text}\n").into_bytes());
    }

    fn queue(&self, mut line: Vec<u8>) {
        if line.len() > LINE_BYTES_MAX {
            line.truncate(LINE_BYTES_MAX - 1);
            line.push(b'\n');
        }
        let bytes = line.len() + LINE_OVERHEAD_BYTES;
        let waiting = self.counts.waiting_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if waiting > WAITING_BYTES_MAX || self.lines.send(Message::Line(line)).is_err() {
            self.counts.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything queued is written or dropped, unless the reader does not read.
    pub fn finish(&self) {
        let (done, is_done) = sync_channel(1);
        if self.lines.send(Message::Finish(done)).is_ok() {
            let _ = is_done.recv_timeout(FINISH_TIMEOUT);
        }
    }

    /// How many lines were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Ordering::Relaxed)
    }
}

/// The logging library hands over a line at a time.
impl Write for &Outlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes until the last sender is gone.
fn write_lines(waiting: &Receiver<Message>, mut stream: impl Write, counts: &Counts) {
    let mut told = 0;
    for message in waiting {
        let line = match message {
            Message::Line(line) => line,
            Message::Finish(done) => {
                let _ = done.try_send(());
                continue;
            }
        };
        let written = stream.write_all(&line).and_then(|()| stream.flush());
        counts.waiting_bytes.fetch_sub(line.len() + LINE_OVERHEAD_BYTES, Ordering::Relaxed);
        if written.is_err() {
            counts.dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let dropped = counts.dropped.load(Ordering::Relaxed);
        if dropped > told && writeln!(stream, "{}", gap(dropped - told)).is_ok() {
            told = dropped;
        }
    }
}

fn gap(dropped: u64) -> String {
    format!("switchboard: {dropped} lines before this one could not be written and were dropped")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc;

    use super::*;

    /// Fails as long as it is told to; keeps what it takes.
    #[derive(Clone, Default)]
    struct Disk {
        is_full: Arc<std::sync::atomic::AtomicBool>,
        kept: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_full.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.kept.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_a_full_disk_refuses_are_counted_and_told_once_it_takes_lines() {
        let disk = Disk::default();
        let outlet = Outlet::new("test", disk.clone());
        outlet.line("one");
        outlet.finish();
        disk.is_full.store(true, Ordering::SeqCst);
        outlet.line("two");
        outlet.line("three");
        outlet.finish();
        assert_eq!(outlet.dropped(), 2);
        disk.is_full.store(false, Ordering::SeqCst);
        outlet.line("four");
        outlet.line("five");
        outlet.finish();
        let kept = String::from_utf8(disk.kept.lock().unwrap().clone()).unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        assert_eq!(lines, ["one", "four", gap(2).as_str(), "five"]);
        assert_eq!(outlet.dropped(), 2);
    }

    /// Takes nothing until it is let go.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_delays_no_caller() {
        let (go_on, wait) = mpsc::channel();
        let outlet = Outlet::new("test", Stuck(wait));
        let long = "x".repeat(LINE_BYTES_MAX * 2);
        let lines = WAITING_BYTES_MAX / LINE_BYTES_MAX + 10;
        (0..lines).for_each(|_| outlet.line(&long));
        assert!(outlet.dropped() >= 10, "only {} are dropped", outlet.dropped());
        assert!(outlet.counts.waiting_bytes.load(Ordering::SeqCst) <= WAITING_BYTES_MAX);
        drop(go_on);
    }
}
