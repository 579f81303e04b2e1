//! `switchboard bench`: how fast it is, measured on this machine, side by side in one run.
//!
//! Called by `cli`; drives a real `App` on a real database file, loaded over HTTP by a second process
//! whose processor time is counted apart.

use anyhow::Context;
use clap::{Args, ValueEnum};

use crate::cli::wait;
use crate::telemetry;

mod calls;
mod evaluate;
mod generator;
pub mod load;
mod machine;
mod median;
mod parts;
mod pipeline;
mod report;
mod restart;
mod scene;

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// One policy call: native, reused, fresh, configured each time.
    Calls,
    /// Accept, route, commit, under load.
    Pipeline,
    /// `POST /v1/evaluate`.
    Evaluate,
    /// A restart with 50 releases and 100 activations.
    Restart,
}

/// Flags of `bench`.
#[derive(Args)]
pub struct Bench {
    /// Print one JSON object a line: {"bench","metric","value","unit"}
    #[arg(long)]
    json: bool,
    /// Measure this only; may be repeated [default: all]
    #[arg(long = "only", value_enum)]
    only: Vec<Part>,
    /// Items that `pipeline` takes in, in ten stretches; from 100,000 on, the first is compared with the
    /// last
    #[arg(long, default_value_t = 90_000)]
    items: u64,
    /// Connections of the load generator; with fewer, batches are smaller than those they are compared with
    #[arg(long, default_value_t = 768)]
    connections: usize,
}

impl Bench {
    /// Measures and reports.
    pub fn run(self) -> anyhow::Result<()> {
        telemetry::log::start("warn");
        wait(self.measure())
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let report = report::Report::new(self.json);
        report.section("machine");
        machine::describe(&report);
        let wanted = |part| self.only.is_empty() || self.only.contains(&part);
        if wanted(Part::Calls) {
            calls::measure(&report).await.context("measure calls")?;
        }
        if wanted(Part::Evaluate) {
            evaluate::measure(&report).await.context("measure evaluate")?;
        }
        if wanted(Part::Restart) {
            restart::measure(&report).await.context("measure restart")?;
        }
        if wanted(Part::Pipeline) {
            pipeline::measure(&report, self.items, self.connections).await.context("measure the pipeline")?;
        }
        Ok(())
    }
}
