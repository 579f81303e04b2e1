//! Sixty-four settings at once that take without end to check, beside a caller of `/healthz`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use switchboard::plugin::PluginConfig;
use tokio::task::JoinSet;

use crate::guest::{DONE, Guest};
use crate::health::Caller as HealthCaller;
use crate::loops::host;
use crate::readers::Caller;
use crate::{figure, quantile};

const CHECKS: usize = 64;
/// Links of the schema: 2^40 steps.
const LINKS: usize = 40;

/// A schema whose check takes twice as many steps with each link, for the setting `x` alone.
fn doubling() -> Value {
    let mut definitions = Map::new();
    for number in 0..LINKS {
        let next = json!({ "$ref": format!("#/$defs/{}", number + 1) });
        definitions.insert(number.to_string(), json!({ "if": next, "else": next }));
    }
    definitions.insert(LINKS.to_string(), json!({ "type": "string" }));
    json!({ "$defs": definitions, "properties": { "x": { "$ref": "#/$defs/0" } } })
}

pub async fn measure() {
    println!("\n{CHECKS} settings at once that take 2^{LINKS} steps to check, and a caller of /healthz");
    let (app, address) = host(PluginConfig::default()).await;
    let admin = Caller::admin(&app, address).await;
    let costly = Guest::policy("costly", DONE).with_schema(&doubling());
    assert_eq!(admin.publish(costly.component()).await, 201);
    admin.post("/v1/activations", json!({ "plugin": "costly" })).await;

    let caller = HealthCaller::start(address);
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let mut idle = caller.stop();
    let caller = HealthCaller::start(address);
    let mut checks = JoinSet::new();
    for _ in 0..CHECKS {
        let admin = admin.clone();
        checks.spawn(async move {
            admin.patch("/v1/activations/costly", json!({ "settings": { "x": 1 } })).await
        });
    }
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    while let Some(check) = checks.join_next().await {
        let (status, name) = check.expect("a check");
        *refused.entry(format!("{status} {name}")).or_default() += 1;
    }
    let mut beside = caller.stop();
    figure("/healthz alone, p99", quantile(&mut idle, 0.99), "ms");
    figure("/healthz beside the checks, p99 (goal: at most 50)", quantile(&mut beside, 0.99), "ms");
    for (refusal, count) in refused {
        figure(&format!("refused: {refusal}"), count as f64, "checks");
    }
    app.stopping().cancel();
    app.stop().await;
}
