//! Whether the host lives, whether it wants work, and how it does.

use schemars::JsonSchema;
use serde::Serialize;

use super::call::Call;
use super::output::{Answer, Text};
use super::permission::{MetricsFor, Permission};
use super::problem::{Problem, ProblemKind};
use super::route::Route;
use crate::flow::quotas;

/// The format that Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes(metrics_for: MetricsFor) -> Vec<Route> {
    vec![
        Route::get("/healthz", Permission::Public, "Says that the process lives", alive),
        Route::get("/readyz", Permission::Public, "Says whether the host takes work", ready),
        Route::get("/metrics", metrics_for.permission(), "Shows what is measured, for Prometheus", metrics),
    ]
}

/// How the host is.
#[derive(Serialize, JsonSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The number of the pipeline that is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
}

async fn alive(_: Call, (): ()) -> Result<Answer<Health>, Problem> {
    Ok(Answer::of(Health { status: "ok", generation: None }))
}

async fn ready(call: Call, (): ()) -> Result<Answer<Health>, Problem> {
    if call.shared().draining.is_cancelled() {
        return Err(Problem::new(ProblemKind::Unavailable, "the host is shutting down"));
    }
    let pipeline = call.flow().pipeline.load();
    if pipeline.generation.is_none() {
        return Err(Problem::new(ProblemKind::Unavailable, "the pipeline is not loaded yet"));
    }
    Ok(Answer::of(Health { status: "ok", generation: Some(pipeline.number) }))
}

async fn metrics(call: Call, (): ()) -> Result<Text, Problem> {
    // What is measured otherwise is shown all the same.
    if let Err(error) = quotas::measure(call.flow()).await {
        tracing::warn!(%error, "how much of the quotas is used could not be counted");
    }
    Ok(Text { media_type: METRICS_TYPE, text: call.flow().telemetry.render() })
}
