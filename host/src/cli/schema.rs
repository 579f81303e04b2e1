//! `switchboard schema`: the JSON that plugins are tried with, and what they answer.

use clap::{Args, ValueEnum};
use schemars::schema_for;

use crate::domain::case::{Case, Event};
use crate::domain::item::Item;
use crate::domain::proposal::Proposal;

/// Flags of `schema`.
#[derive(Args)]
pub struct Schema {
    /// Whose schema
    of: Subject,
}

/// What has a schema of its own.
#[derive(Clone, Copy, ValueEnum)]
enum Subject {
    /// Everything a policy may know
    Case,
    /// Why it is asked
    Event,
    /// What it may say
    Proposal,
    /// What an adapter reports
    Item,
}

impl Schema {
    /// Prints the schema.
    pub fn run(self) -> anyhow::Result<()> {
        let schema = match self.of {
            Subject::Case => schema_for!(Case),
            Subject::Event => schema_for!(Event),
            Subject::Proposal => schema_for!(Proposal),
            Subject::Item => schema_for!(Item),
        };
        println!("{}", serde_json::to_string_pretty(&schema)?);
        Ok(())
    }
}
