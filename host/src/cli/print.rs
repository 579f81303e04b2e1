//! What a command prints: lines for people and programs that may stop reading.
//!
//! `print!` and its kin of the standard library panic when the reader of a pipe is gone or the disk is full.
//! In this room the macros of that name below take their place, so that no command can do that; elsewhere
//! clippy refuses them.
//!
//! What could not be printed is remembered: [`status`] has the command end with another status than 0, as
//! its reader may take for whole what is not.
//!
//! A host does not print by these: see [`crate::telemetry::outlet`].

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use anyhow::Context;

use super::remedy;

/// As a shell reports a program that SIGPIPE (13) ended: how `head` has the ones before it end.
const READER_GONE: u8 = 128 + 13;

/// Prints a line to the standard output.
#[allow(unused_macros, reason = "modules of this room come and go")]
macro_rules! println {
    () => { $crate::cli::print::line("") };
    ($($text:tt)*) => { $crate::cli::print::line(format_args!($($text)*)) };
}

/// Prints a line to the standard error.
#[allow(unused_macros, reason = "modules of this room come and go")]
macro_rules! eprintln {
    () => { $crate::cli::print::note("") };
    ($($text:tt)*) => { $crate::cli::print::note(format_args!($($text)*)) };
}

/// Why something could not be printed, the first time.
static LOST: OnceLock<ErrorKind> = OnceLock::new();

/// Prints a line to the standard output.
pub(crate) fn line(text: impl Display) {
    // Remembered where it fails.
    let _ = writeln!(out(), "{text}");
}

/// Prints a line to the standard error. One that cannot be printed is dropped: there is no other place to
/// say so.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The standard output, to write to by hand.
pub(crate) fn out() -> Out {
    Out(io::stdout())
}

/// The standard output; [`status`] knows of what it did not take.
pub(crate) struct Out(io::Stdout);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).inspect_err(remember)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().inspect_err(remember)
    }
}

fn remember(error: &io::Error) {
    if error.kind() != ErrorKind::Interrupted {
        LOST.get_or_init(|| error.kind());
    }
}

/// Whether the reader of the standard output has gone, which is its own choice.
pub(crate) fn is_reader_gone() -> bool {
    LOST.get() == Some(&ErrorKind::BrokenPipe)
}

/// The status with which a command ends that would end with this one, had all been printed.
pub(crate) fn status(otherwise: ExitCode) -> ExitCode {
    // What waits for the end of a line is lost as well if it cannot be written now.
    let _ = out().flush();
    match LOST.get() {
        None => otherwise,
        Some(ErrorKind::BrokenPipe) => ExitCode::from(READER_GONE),
        Some(kind) => {
            let lost = Err::<(), _>(io::Error::from(*kind)).context("write to the standard output");
            lost.inspect_err(remedy::tell).map_or(ExitCode::FAILURE, |()| otherwise)
        }
    }
}
