//! `switchboard compile-child`: the other end of the compile boundary. Not for people.

use std::io;
use std::process::ExitCode;

use crate::plugin::compile::child;

/// Does the one job on standard input.
pub fn run() -> ExitCode {
    match child::serve(io::stdin().lock(), io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The host keeps what stands here with the job's failure.
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
