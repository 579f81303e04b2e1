//! The demonstration, from the first plugin to the last escalation.

use super::channels::RecordingChannels;
use super::client::Client;
use super::clock::DemoClock;
use super::company::Company;
use super::look::{self, Looker};
use super::report::Report;
use super::settle::settle;
use super::silence::Silence;
use super::stopwatch::Stopwatch;
use super::{answer, prepare, samples, silence, take_in};
use crate::flow::Flow;

/// Who takes part.
pub struct Cast<'a> {
    /// What the workers would call.
    pub flow: &'a Flow,
    /// The admin's client.
    pub client: &'a Client,
    /// The time.
    pub clock: &'a DemoClock,
    /// The channels' other side.
    pub channels: &'a RecordingChannels,
}

impl Cast<'_> {
    /// Plays the whole morning.
    pub async fn play(&self) -> anyhow::Result<Report> {
        let client = self.client;
        let company = Company::read()?;
        let mut watch = Stopwatch::start();
        watch.prepared("publish plugins: check, compile", prepare::publish(client).await?);
        company.found(client).await?;
        let adapters = prepare::enable_adapters(client, company.adapters()).await?;
        watch.prepared("enable adapters", adapters);
        let tokens = company.open_inboxes(client).await?;
        watch.prepared(
            "enable policies: configure, snapshot, compile",
            prepare::enable_policies(client).await?,
        );
        let plugins = prepare::enabled(client).await?;

        let post = samples::all()?;
        let intake = take_in::take_in(client, &post, &tokens).await?;
        watch.lap("take deliveries in", intake.iter().map(|it| it.deliveries).sum());
        watch.lap("route: ask, merge, commit", settle(self.flow).await?.routed);

        let looker = Looker::new(client).await?;
        let queues = looker.queues().await?;
        let decisions = looker.decisions().await?;
        let explained = looker.explained(&decisions).await?;
        let operator = looker.operator(&decisions).await?;
        watch.lap("read decisions over the API", decisions.len());

        let answer = answer::answer_first(self.flow, client, &looker, self.channels).await?;
        watch.lap("claim, answer, send, close", 1);
        let Silence { moved, escalated } = silence::keep(self.flow, self.clock, &looker).await?;
        watch.lap("fire timers, escalate", moved.iter().map(|it| it.fired).sum());
        let (steps, total_ms) = watch.stop();
        Ok(Report {
            plugins,
            intake,
            queues,
            decisions: look::counts(&decisions),
            explained,
            operator,
            answer,
            silence: moved,
            escalated,
            steps,
            total_ms,
        })
    }
}
