//! What one call of a policy costs: the same case, the same settings (20 patterns), four ways.
//!
//! The ways take turns, a block each, so that a machine that slows down slows all of them.

use std::time::Instant;

use switchboard_plugin_keyword_router::KeywordRouter;
use switchboard_plugin_sdk::testing as native;

use super::median::{median, quantile};
use super::report::Report;
use super::scene;
use crate::domain::activation::Phase;
use crate::domain::case::{Case, Event};
use crate::flow::pipeline::EnabledPolicy;
use crate::plugin::{Call, Lane, Policy};

const ROUNDS: usize = 60;
const FAST_BLOCK: usize = 200;
/// Configuring takes milliseconds, so a block of it is short.
const SLOW_BLOCK: usize = 4;

/// Microseconds of single calls.
#[derive(Default)]
struct Times {
    native: Vec<f64>,
    reused: Vec<f64>,
    fresh: Vec<f64>,
    configured: Vec<f64>,
}

pub async fn measure(report: &Report) -> anyhow::Result<()> {
    report.section("one call of keyword-router with 20 patterns");
    let folder = tempfile::tempdir()?;
    let app = scene::open(folder.path()).await?;
    scene::set(&app, &[("keyword-router", Phase::Route, scene::regex_rules())]).await?;
    let enabled = app.flow.pipeline.load().policies[0].clone();
    let inspected = app.flow.plugins.inspect(None, component()?.into()).await?;
    let unconfigured = app.flow.plugins.load_policy(&inspected.artefact, enabled.manifest.clone())?;
    // On one of the executor's threads, where calls happen.
    let times = app
        .flow
        .plugins
        .executor()
        .run(Lane::Trying(None), move || time_all(&enabled, &unconfigured))
        .await??;
    app.stop().await;
    let fresh = median(times.fresh.clone());
    let reused = median(times.reused.clone());
    for (name, mut times) in [
        ("native", times.native),
        ("reused instance", times.reused),
        ("fresh from snapshot", times.fresh),
        ("configured every time", times.configured),
    ] {
        times.sort_by(f64::total_cmp);
        report.figure("policy_call", &format!("{name}, median"), quantile(&times, 0.5), "us");
        report.figure("policy_call", &format!("{name}, p99"), quantile(&times, 0.99), "us");
    }
    report.figure("policy_call", "fresh minus reused, median (goal: at most 60)", fresh - reused, "us");
    Ok(())
}

fn component() -> anyhow::Result<&'static [u8]> {
    crate::bundled::BUNDLED
        .iter()
        .find(|(name, _)| *name == "keyword-router")
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| anyhow::anyhow!("keyword-router is not bundled"))
}

fn time_all(enabled: &EnabledPolicy, unconfigured: &Policy) -> anyhow::Result<Times> {
    let (event, case) = scene::case();
    let settings = scene::regex_rules();
    let text = case.item.text.clone();
    let native = native::policy::<KeywordRouter>(settings.clone()).map_err(|it| anyhow::anyhow!("{it:?}"))?;
    let (native_event, native_case) =
        (native::event(switchboard_plugin_sdk::Occasion::ItemReceived), native::case(&text));
    let mut reused = enabled.policy.reused()?;
    let mut times = Times::default();
    for _ in 0..ROUNDS {
        block(&mut times.native, FAST_BLOCK, || native.evaluate(&native_event, &native_case).is_ok())?;
        block(&mut times.reused, FAST_BLOCK, || answered(&reused.evaluate(&event, &case)))?;
        block(&mut times.fresh, FAST_BLOCK, || fresh(&enabled.policy, &event, &case))?;
        block(&mut times.configured, SLOW_BLOCK, || {
            answered(&unconfigured.evaluate_configuring(&settings, &event, &case))
        })?;
    }
    Ok(times)
}

fn fresh(policy: &Policy, event: &Event, case: &Case) -> bool {
    answered(&policy.evaluate(event, case))
}

/// A call counts only if it found its rule.
fn answered(call: &Call<Vec<crate::domain::proposal::Proposal>>) -> bool {
    call.result.as_ref().is_ok_and(|proposals| !proposals.is_empty())
}

fn block(times: &mut Vec<f64>, calls: usize, mut call: impl FnMut() -> bool) -> anyhow::Result<()> {
    for _ in 0..calls {
        let began = Instant::now();
        anyhow::ensure!(call(), "a call that is measured gave no proposal");
        times.push(began.elapsed().as_nanos() as f64 / 1_000.0);
    }
    Ok(())
}
