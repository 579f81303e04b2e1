//! `switchboard plugin run`: a plugin over a file, in the real sandbox.

mod adapter;
mod deliveries;
mod policy;
mod questions;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::{inspect, sandbox, wait};
use crate::cli::remedy::{Remedy, refused};
use crate::cli::terminal::{self, shown};
use crate::domain::release::PluginKind;
use crate::flow::error::SETTINGS_TOO_COSTLY_REMEDY;
use crate::plugin::SettingError;

/// What a policy is asked about.
const QUESTIONS: &str = "give it JSON lines, each an item, a case, or `{\"event\": …, \"case\": …}`; `switchboard schema \
                         item` describes an item, `switchboard schema case` a case";

/// What an adapter reads.
const DELIVERIES: &str = "give it JSON lines of deliveries, `{\"headers\": {…}, \"body\": \"…\"}` or with \
                          `\"body_base64\"`; a file of another name than .jsonl or .ndjson is one delivery";

/// Flags of `plugin run`.
#[derive(Args)]
pub struct Run {
    /// The component
    file: PathBuf,
    /// The settings, a file of JSON; `{}` otherwise
    #[arg(long)]
    settings: Option<PathBuf>,
    /// What to run it over. For a policy, JSON lines: `{"event": …, "case": …}`, a case, or an item
    /// (`switchboard schema case` describes them). For an adapter, JSON lines of deliveries
    /// (`{"headers": {…}, "body": "…"}` or `"body_base64"`), or a file that is one delivery
    #[arg(long)]
    items: PathBuf,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

/// How results are printed.
#[derive(Clone, Copy)]
enum Format {
    People,
    Programs,
}

/// What one line of `--json` says, besides what the plugin answered.
#[derive(Serialize)]
struct Cost {
    fuel: u64,
    micros: u64,
    failure: Option<String>,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plugins = sandbox()?;
        let settings = read_settings(self.settings.as_deref())?;
        let format = if self.json { Format::Programs } else { Format::People };
        let items = fs::read(&self.items).with_context(|| format!("read {}", self.items.display()))?;
        let (component, inspected) = wait(inspect(&plugins, &self.file))?;
        let schema = &inspected.manifest.settings_schema;
        let errors = wait(async { Ok(plugins.check_settings(None, schema, &settings).await?) })
            .remedy(SETTINGS_TOO_COSTLY_REMEDY)?;
        refuse_settings(&errors).remedy(self.settings_remedy())?;
        let kind = inspected.manifest.kind;
        let manifest = inspected.manifest.into();
        match kind {
            PluginKind::Policy => {
                let questions = questions::read(&items).remedy(QUESTIONS)?;
                self.refuse_nothing(questions.len(), QUESTIONS)?;
                let prepared = plugins.prepare(None, component.into(), PluginKind::Policy, &settings);
                let artefact = wait(async { Ok(prepared.await?) })?;
                policy::run(&plugins.load_policy(&artefact, manifest)?, &questions, format)
            }
            PluginKind::ChannelAdapter => {
                let deliveries = deliveries::read(&self.items, items).remedy(DELIVERIES)?;
                self.refuse_nothing(deliveries.len(), DELIVERIES)?;
                let adapter = plugins.load_adapter(&inspected.artefact, manifest)?;
                adapter::run(&adapter, &settings, &deliveries, format)
            }
        }
    }

    /// Whoever named a file wants something run.
    fn refuse_nothing(&self, found: usize, remedy: &str) -> anyhow::Result<()> {
        let nothing = || format!("{} holds nothing to run the plugin over", self.items.display());
        if found == 0 { Err(refused(nothing(), remedy)) } else { Ok(()) }
    }

    fn settings_remedy(&self) -> String {
        match &self.settings {
            Some(file) => format!("correct them at these places of {}", file.display()),
            None => "name a file with settings with --settings: without one they are `{}`".to_owned(),
        }
    }
}

fn read_settings(path: Option<&Path>) -> anyhow::Result<Value> {
    let Some(path) = path else { return Ok(Value::Object(serde_json::Map::new())) };
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read {} as JSON", path.display()))
}

fn refuse_settings(errors: &[SettingError]) -> anyhow::Result<()> {
    if errors.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = errors
        .iter()
        .map(|error| format!("\n  {}: {}", place(&error.pointer), shown(&error.message)))
        .collect();
    bail!("the settings do not match the plugin's schema:{}", lines.concat())
}

/// An empty pointer points at everything, and says nothing to people.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the settings as a whole".to_owned() } else { format!("`{}`", shown(pointer)) }
}

/// Prints one result for programs.
fn print_json(line: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", terminal::json(line)?);
    Ok(())
}

/// Prints the first line of one result for people.
fn print_cost(id: &str, cost: &Cost, log: &[String]) {
    println!("{}  {} us, {} fuel", shown(id), cost.micros, cost.fuel);
    if let Some(failure) = &cost.failure {
        println!("  failed: {}", shown(failure));
    }
    for line in log {
        println!("  log: {}", shown(line));
    }
}
