//! The command line, one command a file.
//!
//! Called by `main`; calls everybody.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

pub mod audit;
pub mod bench;
pub mod compile_child;
pub mod demo;
pub mod import;
pub mod plugin;
pub mod schema;
pub mod serve;
pub mod token;

/// Switchboard: the missing operator between customers and departments.
#[derive(Parser)]
#[command(name = "switchboard", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run Switchboard; needs no configuration
    Serve(serve::Serve),
    /// Play a morning at an invented company, to see what Switchboard does
    Demo(demo::Demo),
    /// Take what customers wrote before out of files into the repository
    Import(import::Import),
    /// Make, list and revoke tokens of a repository whose host is not running
    Token(token::TokenArgs),
    /// Verify the audit log
    Audit(audit::AuditArgs),
    /// Build, check, try, sign and publish plugins
    Plugin(plugin::PluginArgs),
    /// Print the JSON Schema of what plugins see and say
    Schema(schema::Schema),
    /// Measure how fast it is on this machine
    Bench(bench::Bench),
    /// Send items; started by `bench`
    #[command(hide = true)]
    BenchLoad(bench::load::Load),
    /// Compile one plugin; started by Switchboard itself
    #[command(hide = true)]
    CompileChild(compile_child::CompileChild),
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Import(import) => import.run(),
        Command::Token(token) => token.run(),
        Command::Audit(audit) => return audit.run(),
        Command::Plugin(plugin) => return plugin.run(),
        Command::Schema(schema) => schema.run(),
        Command::Bench(bench) => bench.run(),
        Command::BenchLoad(load) => load.run(),
        Command::CompileChild(child) => return child.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits for a command's work, on a runtime of its own.
fn wait(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().context("start the runtime")?.block_on(work)
}
