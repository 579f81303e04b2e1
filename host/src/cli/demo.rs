//! `switchboard demo`: a morning at an invented company, played on the real thing.
//!
//! Everything happens over the ordinary HTTP interface, in this process, on a temporary repository. The
//! clock stands unless it is moved, and nothing leaves the process.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use self::channels::RecordingChannels;
use self::client::Client;
use self::clock::DemoClock;
use self::paint::Paint;
use self::report::Report;
use self::show::Show;
use self::story::Cast;
use super::signals::stop_on_signal;
use super::terminal::json;
use crate::app::{App, Parts};
use crate::cli::{print, remedy, wait};
use crate::flow::organise;
use crate::plugin::PluginConfig;
use crate::store::sqlite::StorePath;
use crate::{http, telemetry};

mod answer;
mod channels;
mod client;
mod clock;
mod company;
mod explain;
mod invite;
mod look;
mod paint;
mod prepare;
mod report;
mod samples;
mod settle;
mod show;
mod silence;
mod stopwatch;
mod story;
mod table;
mod take_in;

/// Flags of `demo`.
#[derive(Args)]
pub struct Demo {
    /// Keeps running afterwards, and prints requests to try
    #[arg(long)]
    serve: bool,
    /// Where to listen with --serve
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", requires = "serve")]
    listen: SocketAddr,
    /// Prints one JSON object instead
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Plays the demonstration.
    pub fn run(self) -> anyhow::Result<()> {
        telemetry::log::start("error");
        wait(self.play())
    }

    async fn play(self) -> anyhow::Result<()> {
        // Before anything else, so that a port in use is told at once and not after the show.
        let listener = match self.serve {
            true => Some(remedy::listen(self.listen).await?),
            false => None,
        };
        let clock = Arc::new(DemoClock::new(samples::morning()));
        let channels = Arc::new(RecordingChannels::default());
        let app = App::open(Parts {
            repository: StorePath::Temporary,
            artefact_shelf: None,
            plugins: PluginConfig::default(),
            secrets_key: None,
            clock: clock.clone(),
            egress: channels.clone(),
        })
        .await?;
        let token =
            organise::ensure_admin_token(&app.flow).await?.context("a new repository has a token already")?;
        let router = http::router(app.flow.clone(), app.stopping());
        let client = Client::new(router, token);
        let cast = Cast { flow: &app.flow, client: &client, clock: &clock, channels: &channels };
        let played = cast.play().await;
        let told = played.and_then(|report| self.tell(&report));
        if let (Ok(()), Some(listener)) = (&told, listener) {
            invite::invite(&mut io::stderr(), listener.local_addr()?, client.token())?;
            clock.let_go();
            app.work();
            let options = http::ServeOptions::default();
            stop_on_signal(app.stopping(), Some(options.drain + App::STOP_TIMEOUT))?;
            http::serve(listener, app.flow.clone(), app.stopping(), options).await;
        }
        // It holds the flow, and stopping waits for everybody who does.
        drop(client);
        app.stop().await;
        told
    }

    fn tell(&self, report: &Report) -> anyhow::Result<()> {
        let mut out = print::out();
        match self.json {
            true => writeln!(out, "{}", json(report).context("write the report")?)?,
            false => Show { out, paint: Paint::of_stdout() }.report(report)?,
        }
        Ok(())
    }
}
