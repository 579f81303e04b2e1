//! What the parts of an item's way cost by themselves, measured as the way uses them: on all of the
//! executor's threads at once, over a batch of different items, one policy after the other, each shown
//! what those before it proposed.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::{load, machine, scene};
use crate::app::App;
use crate::domain::arrival::Arrival;
use crate::domain::case::{Case, EarlierProposal, PromiseView};
use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::organisation::Inbox;
use crate::domain::promise::Metric;
use crate::domain::time::Timestamp;
use crate::flow::pipeline::{EnabledAdapter, EnabledPolicy, Pipeline};
use crate::plugin::Lane;
use crate::store::sqlite::Rewrite;
use crate::vault::Granted;

/// Items of a batch: as many as the way takes at once.
const BATCH: u64 = 256;
/// How many batches each thread works through each time; the first of them only warms up.
const ROUNDS: usize = 6;

/// Microseconds of processor time per item.
pub struct Cost {
    /// The adapter's call.
    pub adapter_us: f64,
    /// The three policies' calls.
    pub policies_us: f64,
    /// The same rows written in plain batches.
    pub rows_us: f64,
}

impl Cost {
    /// All parts together.
    pub fn sum(&self) -> f64 {
        self.adapter_us + self.policies_us + self.rows_us
    }

    /// What the parts cost in the mean of several looks.
    pub fn mean(costs: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
        Self {
            adapter_us: mean(|it| it.adapter_us),
            policies_us: mean(|it| it.policies_us),
            rows_us: mean(|it| it.rows_us),
        }
    }
}

/// The parts, ready to be measured as often as wanted.
pub struct Parts<'a> {
    app: &'a App,
    rows: Rewrite,
}

impl<'a> Parts<'a> {
    /// Makes a second, empty repository beside that of the scene.
    pub async fn prepare(app: &'a App, folder: &Path) -> anyhow::Result<Self> {
        let rows = Rewrite::prepare(&folder.join("bench.db"), &folder.join("plain.db")).await?;
        Ok(Self { app, rows })
    }

    /// Measures the calls, and writes once more what came in since the last time.
    pub async fn measure(&mut self) -> anyhow::Result<Cost> {
        let calls = calls(self.app).await?;
        let rows_us = self.plain_rows().await?;
        let mean = |of: fn(&Calls) -> f64| calls.iter().map(of).sum::<f64>() / calls.len() as f64;
        Ok(Cost { adapter_us: mean(|it| it.adapter_us), policies_us: mean(|it| it.policies_us), rows_us })
    }

    /// What writing the rows of one item costs at least.
    async fn plain_rows(&mut self) -> anyhow::Result<f64> {
        let items = self.rows.look_again().await?;
        let mut nanos = 0.0;
        while let Some(batch) = self.rows.take_batch().await? {
            let before = machine::threads_cpu_nanos()?;
            self.rows.write(batch).await?;
            nanos += machine::threads_cpu_nanos()? - before;
        }
        Ok(nanos / 1_000.0 / items as f64)
    }

    /// Fails unless every row was written once more.
    pub async fn finish(self) -> anyhow::Result<()> {
        Ok(self.rows.finish().await?)
    }
}

async fn calls(app: &App) -> anyhow::Result<Vec<Calls>> {
    let directory = app.flow.directory.load_full();
    let inbox = directory.inbox_named(scene::INBOX).context("the inbox")?;
    let executor = app.flow.plugins.executor();
    let measured = (0..executor.threads()).map(|_| {
        let (inbox, pipeline) = (Arc::clone(inbox), app.flow.pipeline.load_full());
        executor.run(Lane::Trying(None), move || measure(&inbox, &pipeline))
    });
    futures::future::try_join_all(measured).await?.into_iter().collect()
}

/// What one thread's calls cost per item.
struct Calls {
    adapter_us: f64,
    policies_us: f64,
}

fn measure(inbox: &Inbox, pipeline: &Pipeline) -> anyhow::Result<Calls> {
    let adapter = pipeline.adapter("cloudevents").context("the adapter")?;
    let deliveries: Vec<RawDelivery> = (0..BATCH).map(delivery).collect();
    let cases = deliveries
        .iter()
        .map(|it| as_heard(&pipeline.policies, case(adapter, inbox, it)?))
        .collect::<anyhow::Result<Vec<Vec<Case>>>>()?;
    let (mut receiving, mut judging) = (0.0, 0.0);
    for round in 0..ROUNDS {
        let began = machine::thread_cpu_nanos()?;
        receive_all(adapter, inbox, &deliveries)?;
        let received = machine::thread_cpu_nanos()?;
        judge_all(&pipeline.policies, &cases)?;
        if round > 0 {
            receiving += received - began;
            judging += machine::thread_cpu_nanos()? - received;
        }
    }
    let micros_per_item = |nanos: f64| nanos / 1_000.0 / ((ROUNDS - 1) as f64 * BATCH as f64);
    Ok(Calls { adapter_us: micros_per_item(receiving), policies_us: micros_per_item(judging) })
}

fn receive_all(adapter: &EnabledAdapter, inbox: &Inbox, deliveries: &[RawDelivery]) -> anyhow::Result<()> {
    for delivery in deliveries {
        let call = adapter.adapter.receive(inbox, &Granted::nothing(), delivery);
        anyhow::ensure!(matches!(call.result, Ok(Ok(_))), "a call that is measured failed");
    }
    Ok(())
}

fn judge_all(policies: &[Arc<EnabledPolicy>], cases: &[Vec<Case>]) -> anyhow::Result<()> {
    let (event, _) = scene::case();
    for heard in cases {
        for (policy, case) in policies.iter().zip(heard) {
            let call = policy.policy.evaluate(&event, case);
            anyhow::ensure!(call.result.is_ok(), "a call that is measured failed");
        }
    }
    Ok(())
}

/// The case as each policy in turn is shown it: with what those before it proposed.
fn as_heard(policies: &[Arc<EnabledPolicy>], mut case: Case) -> anyhow::Result<Vec<Case>> {
    let (event, _) = scene::case();
    let mut heard = Vec::with_capacity(policies.len());
    for policy in policies {
        heard.push(case.clone());
        let Ok(proposals) = policy.policy.evaluate(&event, &case).result else {
            anyhow::bail!("a call that is measured failed")
        };
        let by = &policy.activation.name;
        let earlier = proposals.into_iter().map(|proposal| EarlierProposal { by: by.clone(), proposal });
        case.earlier.extend(earlier);
    }
    Ok(heard)
}

fn case(adapter: &EnabledAdapter, inbox: &Inbox, delivery: &RawDelivery) -> anyhow::Result<Case> {
    let call = adapter.adapter.receive(inbox, &Granted::nothing(), delivery);
    let Ok(Ok(intake)) = call.result else { anyhow::bail!("the adapter does not read the load's items") };
    let Some(Arrival::Item(item)) = intake.arrivals.into_iter().next() else {
        anyhow::bail!("the load's deliveries hold no items")
    };
    let (_, mut case) = scene::case();
    let promise = inbox.promise.context("the inbox's promise")?;
    case.inbox.promises = vec![PromiseView {
        metric: Metric::FirstResponse,
        within_ms: promise.within_ms,
        due_at: Some(case.now.plus_ms(promise.within_ms)),
    }];
    Ok(Case { item, ..case })
}

fn delivery(number: u64) -> RawDelivery {
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let mut body = String::new();
    // Writing to a string does not fail.
    let _ = load::write_item(&mut body, number);
    RawDelivery {
        method: "POST".to_owned(),
        path: String::new(),
        query: None,
        headers: vec![header("host", "127.0.0.1"), header("content-type", "application/json")],
        body: body.into_bytes(),
        received_at: Timestamp::from_ms(1_800_000_000_000),
    }
}
