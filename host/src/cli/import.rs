//! `switchboard import`: what customers wrote before, out of files into the repository.
//!
//! Every record is a delivery to the inbox, read by its adapter like any other, whether the inbox is
//! open or not. Importing the same file twice, whole or from anywhere, takes nothing in twice.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use self::take_in::{Done, TakeIn};
use crate::app::clock::SystemClock;
use crate::app::{App, Parts};
use crate::cli::remedy::existing_repository;
use crate::cli::signals::stop_on_signal;
use crate::cli::wait;
use crate::config::{Config, OpenArgs, Settings, ThreadArgs};
use crate::domain::principal::Principal;
use crate::egress::http::HttpEgress;
use crate::flow::{Flow, import, route};
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;
use crate::telemetry;

mod format;
mod json_lines;
mod lines;
pub mod mbox;
pub mod record;
mod source;
mod take_in;
mod tally;

/// Flags of `import`.
#[derive(Args)]
pub struct Import {
    #[command(flatten)]
    open: OpenArgs,
    #[command(flatten)]
    threads: ThreadArgs,
    /// The inbox that the records belong to; its adapter reads them
    #[arg(long)]
    inbox: String,
    /// Passes over the records before this one; an interrupted import says where it stood
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from: u64,
    /// Leaves the imported items unrouted until the host runs
    #[arg(long)]
    no_route: bool,
    /// Files: JSON lines, mbox, .eml, feeds
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Import {
    /// Imports the files.
    pub fn run(self) -> anyhow::Result<()> {
        let flags = Settings { threads: self.threads.threads, ..Settings::default() };
        let config = self.open.clone().resolve(flags)?;
        telemetry::log::start("warn");
        wait(self.import(config))
    }

    async fn import(self, config: Config) -> anyhow::Result<()> {
        let database = existing_repository(&config)?;
        let bar = bar();
        let records = source::records(&self.files, &bar)?;
        let app = App::open(Parts {
            repository: StorePath::File(database),
            artefact_shelf: None,
            plugins: PluginConfig { threads: config.threads, ..PluginConfig::default() },
            secrets_key: config.secrets_key.clone(),
            clock: Arc::new(SystemClock),
            egress: Arc::new(HttpEgress::new()?),
        })
        .await?;
        let done = self.take_in_and_route(&app.flow, records, &bar).await;
        app.stop().await;
        done
    }

    async fn take_in_and_route(
        &self,
        flow: &Flow,
        records: impl Iterator<Item = source::Sourced> + Send + 'static,
        bar: &ProgressBar,
    ) -> anyhow::Result<()> {
        // Before anything is taken in: until then, Ctrl-C ends the process as usual.
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone(), None)?;
        import::begin(flow, &Principal::admin(), &self.inbox).await?;
        let take_in = TakeIn { flow, inbox: &self.inbox, from: self.from, stop: &stop, bar };
        let Done { tally, next } = take_in.run(records).await?;
        bar.finish_and_clear();
        println!("{tally}");
        if let Some(next) = next {
            println!("Interrupted; everything counted above is stored. Go on with --from {next}");
        } else if !self.no_route {
            println!("{} conversations' events routed", route_all(flow, &stop).await?);
        }
        Ok(())
    }
}

/// Routes until nothing waits; how many events that were.
async fn route_all(flow: &Flow, stop: &CancellationToken) -> anyhow::Result<usize> {
    let spinner = ProgressBar::new_spinner().with_message("routing");
    let mut routed = 0;
    while !stop.is_cancelled() {
        match route::route_batch(flow).await.context("route what was imported")? {
            0 => break,
            batch => routed += batch,
        }
        spinner.inc(1);
    }
    spinner.finish_and_clear();
    Ok(routed)
}

/// A bar over the bytes of the files; it shows on a terminal only.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
