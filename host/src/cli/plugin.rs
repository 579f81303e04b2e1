//! `switchboard plugin`: build, check, try, sign and publish plugins.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, Subcommand};

use crate::cli::remedy::refused;
use crate::plugin::{InspectError, Inspected, PluginConfig, Plugins};

mod build;
mod check;
mod keygen;
mod prove;
mod publish;
mod run;
mod sign;

/// Flags of `plugin`.
#[derive(Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Subcommand)]
enum PluginCommand {
    /// Build a plugin written in Rust: compile it and make the component, in one step
    Build(build::Build),
    /// Check a component as an upload would be checked
    Check(check::Check),
    /// Run a policy or an adapter over a file
    Run(run::Run),
    /// Make a key to sign releases with
    Keygen(keygen::Keygen),
    /// Prove that a key is yours, to register it
    Prove(prove::Prove),
    /// Sign a component, into a file beside it
    Sign(sign::Sign),
    /// Verify a component's signature
    Verify(sign::Verify),
    /// Publish a component to a running host, signed if there is a signature beside it
    Publish(publish::Publish),
}

impl PluginArgs {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<()> {
        match self.command {
            PluginCommand::Build(build) => build.run(),
            PluginCommand::Check(check) => check.run(),
            PluginCommand::Run(run) => run.run(),
            PluginCommand::Keygen(keygen) => keygen.run(),
            PluginCommand::Prove(prove) => prove.run(),
            PluginCommand::Sign(sign) => sign.run(),
            PluginCommand::Verify(verify) => verify.run(),
            PluginCommand::Publish(publish) => publish.run(),
        }
    }
}

/// The sandbox, with this executable as the compile child.
fn sandbox() -> anyhow::Result<Arc<Plugins>> {
    Plugins::new(PluginConfig { threads: 1, ..PluginConfig::default() }).context("start the sandbox")
}

/// Reads a component and checks it.
async fn inspect(plugins: &Plugins, path: &Path) -> anyhow::Result<(Vec<u8>, Inspected)> {
    let component = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    match plugins.inspect(None, component.clone().into()).await {
        Ok(inspected) => Ok((component, inspected)),
        Err(InspectError::Refused(refusal)) => {
            let why = format!("{}: refused ({}): {}", path.display(), refusal.name, refusal.found);
            Err(refused(why, refusal.remedy))
        }
        Err(other) => Err(other.into()),
    }
}

/// Waits for a future, on a runtime for this one command.
fn wait<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().context("start the async runtime")?.block_on(work)
}
