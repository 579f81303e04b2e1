//! `switchboard plugin check`: what an upload would be told, without uploading.

use std::fmt::Display;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{inspect, sandbox, wait};
use crate::cli::terminal::shown;
use crate::plugin::Inspected;

/// Flags of `plugin check`.
#[derive(Args)]
pub struct Check {
    /// The component
    file: PathBuf,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let plugins = sandbox()?;
        let (component, inspected) = wait(inspect(&plugins, &self.file))?;
        print(&inspected, component.len());
        Ok(())
    }
}

fn print(inspected: &Inspected, bytes: usize) {
    let manifest = &inspected.manifest;
    println!("{} {} is good to publish", shown(&manifest.name), shown(&manifest.version));
    line("summary", &manifest.summary);
    line("kind", words(&[manifest.kind]));
    line("events", words(&manifest.events));
    line("proposals", words(&manifest.proposals));
    line("needs", words(&manifest.needs));
    line("imports", inspected.imports.join(", "));
    line("size", format!("{bytes} bytes"));
    line("sha256", &inspected.digest);
}

fn line(name: &str, text: impl Display) {
    let text = text.to_string();
    println!("  {name:<10} {}", if text.is_empty() { "-".into() } else { shown(&text) });
}

/// Words of the contract as they stand in JSON.
fn words(list: &[impl Serialize]) -> String {
    let words = list.iter().filter_map(|word| match serde_json::to_value(word) {
        Ok(serde_json::Value::String(word)) => Some(word),
        _ => None,
    });
    words.collect::<Vec<_>>().join(", ")
}
