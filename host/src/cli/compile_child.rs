//! `switchboard compile-child` and `validation-child`: the other end of the compile boundary. Not for people.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::plugin::ChildLimits;
use crate::plugin::compile::{UNABLE, child};

/// Flags of both: the limits that it sets itself.
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
    /// Compiles what stands on standard input.
    pub fn run(self) -> ExitCode {
        ended(child::serve(&self.limits(), io::stdin().lock(), io::stdout().lock()))
    }

    /// Checks the settings on standard input.
    pub fn validate(self) -> ExitCode {
        ended(child::serve_validation(&self.limits(), io::stdin().lock(), io::stdout().lock()))
    }

    fn limits(&self) -> ChildLimits {
        let Self { memory_bytes, cpu_seconds, open_files } = *self;
        let cpu = Duration::from_secs(cpu_seconds);
        ChildLimits { memory_bytes, cpu, open_files, ..ChildLimits::ORDINARY }
    }
}

fn ended(done: Result<(), child::ChildError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The host keeps what stands here with the job's failure.
            eprintln!("{:#}", anyhow::Error::from(error));
            ExitCode::from(UNABLE)
        }
    }
}
