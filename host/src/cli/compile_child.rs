//! `switchboard compile-child`: the other end of the compile boundary. Not for people.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::plugin::ChildLimits;
use crate::plugin::compile::{UNABLE, child};

/// Flags of `compile-child`: the limits that it sets itself.
#[derive(Args)]
pub struct CompileChild {
    /// Memory, and address space beyond what the engine reserves
    #[arg(long)]
    memory_bytes: u64,
    /// Processor time of all threads together
    #[arg(long)]
    cpu_seconds: u64,
    /// Files open at once
    #[arg(long)]
    open_files: u64,
}

impl CompileChild {
    /// Does the one job on standard input.
    pub fn run(self) -> ExitCode {
        match child::serve(&self.limits(), io::stdin().lock(), io::stdout().lock()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // The host keeps what stands here with the job's failure.
                eprintln!("{:#}", anyhow::Error::from(error));
                ExitCode::from(UNABLE)
            }
        }
    }

    fn limits(&self) -> ChildLimits {
        let Self { memory_bytes, cpu_seconds, open_files } = *self;
        let cpu = Duration::from_secs(cpu_seconds);
        ChildLimits { memory_bytes, cpu, open_files, ..ChildLimits::ORDINARY }
    }
}
