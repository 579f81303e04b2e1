//! The command line, one command a file.
//!
//! Called by `main`; calls everybody.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;

use crate::app::memory;
use crate::telemetry::{outlet, panic};

// First, for its macros.
#[macro_use]
pub(crate) mod print;

pub mod audit;
pub mod bench;
pub mod compile_child;
pub mod demo;
pub mod import;
mod limits;
pub mod plugin;
mod remedy;
pub mod schema;
pub mod serve;
mod signals;
mod terminal;
pub mod token;

/// Switchboard: the missing operator between customers and departments.
#[derive(Parser)]
#[command(name = "switchboard", version, about)]
#[command(
    after_help = "--data and --config, which say what repository is meant, may also stand before the command."
)]
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
    /// Check settings against a schema; started by Switchboard itself
    #[command(hide = true)]
    ValidationChild(compile_child::CompileChild),
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    panic::tell_panics();
    memory::keep_little_free();
    let arguments = with_place_behind_command(std::env::args_os());
    let command = Cli::parse_from(arguments).command;
    // A host works for others than the reader of what it prints.
    let is_host = matches!(command, Command::Serve(_));
    let code = run(command);
    outlet::stdout().finish();
    outlet::stderr().finish();
    if is_host { code } else { print::status(code) }
}

fn run(command: Command) -> ExitCode {
    // What plugins are built and signed for is for others to read; everything else is for its owner alone.
    if !matches!(command, Command::Plugin(_)) {
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
    let done = match command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Import(import) => import.run(),
        Command::Token(token) => token.run(),
        Command::Audit(audit) => return audit.run(),
        Command::Plugin(plugin) => plugin.run(),
        Command::Schema(schema) => schema.run(),
        Command::Bench(bench) => bench.run(),
        Command::BenchLoad(load) => load.run(),
        Command::CompileChild(child) => return child.run(),
        Command::ValidationChild(child) => return child.validate(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One that has gone wants to be told nothing.
            if !print::is_reader_gone() {
                remedy::tell(&error);
            }
            ExitCode::FAILURE
        }
    }
}

/// The flags that say which repository is meant.
const PLACE: [&str; 2] = ["--data", "--config"];

/// The arguments with what says which repository is meant behind the command, where it may stand before it
/// too: each command knows whether it works on one, and refuses the flags otherwise.
fn with_place_behind_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut ordered: Vec<OsString> = arguments.next().into_iter().collect();
    let mut place = Vec::new();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let (name, has_value) = match text.split_once('=') {
            Some((name, _)) => (name, true),
            None => (text.as_str(), false),
        };
        if !PLACE.contains(&name) {
            ordered.push(argument);
            break;
        }
        place.push(argument);
        if !has_value {
            place.extend(arguments.next());
        }
    }
    ordered.extend(place);
    ordered.extend(arguments);
    ordered
}

/// Waits for a command's work, on a runtime of its own.
fn wait(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().context("start the runtime")?.block_on(work)
}

#[cfg(test)]
#[path = "cli/tests.rs"]
mod tests;
