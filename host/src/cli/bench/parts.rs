//! What the parts of an item's way cost by themselves, measured as the way uses them: on all of the
//! executor's threads at once, over a batch of different items, one policy after the other, each shown
//! what those before it proposed.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::report::Report;
use super::{load, machine, scene};
use crate::app::App;
use crate::domain::arrival::Arrival;
use crate::domain::case::{Case, EarlierProposal, PromiseView};
use crate::domain::delivery::{Header, RawDelivery};
use crate::domain::organisation::Inbox;
use crate::domain::promise::Metric;
use crate::domain::time::Timestamp;
use crate::flow::pipeline::{EnabledAdapter, EnabledPolicy, Pipeline};
use crate::store::sqlite::Rewrite;

/// Items of a batch: as many as the way takes at once.
const BATCH: u64 = 256;
/// How many batches each thread works through; the first of them only warms up.
const ROUNDS: usize = 24;

/// The sum of the parts in microseconds of processor time per item: the adapter's call, the three
/// policies' calls, the same rows written in plain batches.
pub async fn sum(app: &App, folder: &Path, report: &Report) -> anyhow::Result<f64> {
    let mut costs = calls(app).await?;
    costs.push(("identical rows in plain batches".to_owned(), plain_rows(folder).await?));
    for (name, cost) in &costs {
        report.figure("pipeline", &format!("part: {name}"), *cost, "us");
    }
    let sum = costs.iter().map(|(_, cost)| cost).sum();
    report.figure("pipeline", "sum of the parts", sum, "us");
    Ok(sum)
}

async fn calls(app: &App) -> anyhow::Result<Vec<(String, f64)>> {
    let directory = app.flow.directory.load_full();
    let inbox = directory.inbox_named(scene::INBOX).context("the inbox")?;
    let executor = app.flow.plugins.executor();
    let measured = (0..executor.threads()).map(|_| {
        let (inbox, pipeline) = (Arc::clone(inbox), app.flow.pipeline.load_full());
        executor.run(move || measure(&inbox, &pipeline))
    });
    let measured = futures::future::try_join_all(measured).await?;
    let measured = measured.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let mean = |of: fn(&Calls) -> f64| measured.iter().map(of).sum::<f64>() / measured.len() as f64;
    Ok(vec![
        ("adapter call".to_owned(), mean(|it| it.adapter_us)),
        ("three policies' calls".to_owned(), mean(|it| it.policies_us)),
    ])
}

/// Microseconds of processor time per item.
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
        let call = adapter.adapter.receive(inbox, delivery);
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
    let call = adapter.adapter.receive(inbox, delivery);
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

/// What writing the rows of one item costs at least, in microseconds of processor time.
async fn plain_rows(folder: &Path) -> anyhow::Result<f64> {
    let mut rows = Rewrite::prepare(&folder.join("bench.db"), &folder.join("plain.db")).await?;
    let mut nanos = 0.0;
    while let Some(batch) = rows.take_batch().await? {
        let before = machine::threads_cpu_nanos()?;
        rows.write(batch).await?;
        nanos += machine::threads_cpu_nanos()? - before;
    }
    let items = rows.items as f64;
    rows.finish().await?;
    Ok(nanos / 1_000.0 / items)
}
