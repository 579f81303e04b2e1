//! `switchboard audit verify`: whether the audit log is what was written.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::cli::remedy;
use crate::cli::terminal::{json, shown};
use crate::config::{PlaceArgs, Settings};
use crate::store::AuditVerification;
use crate::store::sqlite::verify_file;

/// Commands about the audit log.
#[derive(Args)]
pub struct AuditArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Walk the log's chain and name the first entry that does not fit; a running host is not disturbed
    Verify(Verify),
}

#[derive(Args)]
struct Verify {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl AuditArgs {
    /// 0 when the log is whole, 1 when it is not, 2 when it cannot be read.
    pub fn run(self) -> ExitCode {
        let AuditCommand::Verify(verify) = self.command;
        match verify.run(self.place) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                remedy::tell(&error);
                ExitCode::from(2)
            }
        }
    }
}

impl Verify {
    fn run(self, place: PlaceArgs) -> anyhow::Result<bool> {
        let file = remedy::existing_repository(&place.resolve(Settings::default())?)?;
        let verification = verify(&file)?;
        match self.json {
            true => println!("{}", json(&verification)?),
            false => tell(&verification),
        }
        Ok(verification.broken.is_none())
    }
}

fn verify(file: &Path) -> anyhow::Result<AuditVerification> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(verify_file(file)).with_context(|| format!("read {}", file.display()))
}

fn tell(verification: &AuditVerification) {
    let AuditVerification { verified, before_chain, last_link, broken } = verification;
    println!("{verified} entries fit, the last link is {}", shown(last_link));
    if *before_chain > 0 {
        println!("{before_chain} entries are from before there was a chain; nothing is known of them");
    }
    if let Some(broken) = broken {
        let entry = broken.entry.map(|it| format!(" ({it})")).unwrap_or_default();
        println!("BROKEN at number {}{entry}: {}", broken.number, shown(&broken.why));
    }
}
