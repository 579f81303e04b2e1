//! A restart with 50 releases and 100 activations: how long until it is ready, compiling nothing.
//!
//! Fifty releases are fifty names for the bundled router's artefact: what a restart does with them
//! (read, authenticate, map, link) depends on their number and size, not on what they would answer.

use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use serde_json::json;

use super::report::Report;
use super::scene;
use crate::app::App;
use crate::domain::activation::{Activation, Phase};
use crate::domain::principal::Principal;
use crate::domain::quota::{Quota, QuotaLimit};
use crate::domain::release::Release;
use crate::flow::artefact::Wanted;
use crate::store::{ActivationRoom, ReleaseRoom};

const RELEASES: usize = 50;
const ACTIVATIONS: usize = 100;

pub async fn measure(report: &Report) -> anyhow::Result<()> {
    report.section("restart with 50 releases and 100 activations");
    let folder = tempfile::tempdir()?;
    let app = scene::open(folder.path()).await?;
    scene::set(&app, &[("keyword-router", Phase::Route, scene::regex_rules())]).await?;
    let artefact_bytes = multiply(&app).await?;
    app.stop().await;

    let began = Instant::now();
    let app = scene::open(folder.path()).await?;
    let seconds = began.elapsed().as_secs_f64();
    let loaded = app.flow.pipeline.load().policies.len();
    anyhow::ensure!(loaded == ACTIVATIONS, "{loaded} policies were loaded, not {ACTIVATIONS}");
    report.figure("restart", "activations loaded", loaded as f64, "count");
    report.figure("restart", "bytes of one artefact", artefact_bytes as f64, "bytes");
    report.figure("restart", "plugins compiled", app.flow.plugins.compilations() as f64, "count");
    report.figure("restart", "time until ready (goal: under 2)", seconds, "s");
    app.stop().await;
    Ok(())
}

/// Enters the releases and activations; the size of the artefact that each has.
async fn multiply(app: &App) -> anyhow::Result<usize> {
    let flow = &app.flow;
    let pattern = flow.pipeline.load().policies[0].activation.clone();
    let kept = flow.kept_artefact(&flow.made_of(Wanted::by(&pattern))).await?;
    let artefact = kept.context("find the compiled plugin")?;
    let missing = || anyhow::anyhow!("the router is not in the repository");
    let release = flow.store.release(&pattern.digest).await?.ok_or_else(missing)?;
    for number in 0..RELEASES {
        let release = renamed(app, &release, number);
        let audit = flow.audit(&Principal::system(), "plugin.publish", "bench", json!({}));
        // The component itself is not read by a restart.
        let component = Bytes::from(format!("component {number}"));
        let [releases, bytes] = [Quota::Releases, Quota::ReleaseBytes].map(|it| flow.quota(None, it));
        flow.store.publish(&release, &component, ReleaseRoom { releases, bytes }, &audit).await?;
        for half in 0..ACTIVATIONS / RELEASES {
            // The one there is already counts.
            if (number, half) == (0, 0) {
                continue;
            }
            let activation = activation_of(app, &pattern, &release, number * 2 + half);
            flow.keep_artefact(&flow.made_of(Wanted::by(&activation)), None, &artefact).await?;
            let [activations, preparing] = [Quota::Activations, Quota::WaitingPreparations]
                .map(|quota| QuotaLimit { owner: None, quota, most: ACTIVATIONS as u64 });
            let room = ActivationRoom { activations, preparing };
            flow.store.add_activation(&activation, room, &[], &audit_again(app)).await?;
        }
    }
    Ok(artefact.size_bytes())
}

fn audit_again(app: &App) -> crate::store::AuditEntry {
    app.flow.audit(&Principal::system(), "activation.enable", "bench", json!({}))
}

fn renamed(app: &App, release: &Release, number: usize) -> Release {
    let mut renamed = release.clone();
    renamed.id = app.flow.id();
    renamed.digest = format!("{number:064x}");
    renamed.manifest.name = format!("router-{number}");
    renamed
}

fn activation_of(app: &App, pattern: &Activation, release: &Release, number: usize) -> Activation {
    Activation {
        id: app.flow.id(),
        name: format!("router-{number}"),
        plugin: release.manifest.name.clone(),
        release: release.id,
        digest: release.digest.clone(),
        settings: json!({ "number": number }),
        ..pattern.clone()
    }
}
