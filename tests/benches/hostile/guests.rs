//! The plugins that are measured, and what they are asked.

use std::sync::Arc;

use serde_json::{Value, json};
use switchboard::bundled::BUNDLED;
use switchboard::domain::case::{Case, Event};
use switchboard::domain::release::PluginKind;
use switchboard::plugin::{Plugins, Policy};

use crate::guest::{Guest, LOOP, burning_some};

/// Burns fuel as fast as it can.
pub fn burning() -> Guest {
    Guest::policy("burning", LOOP)
}

/// The same guest, which first burns 47 of a policy's 50 million units of fuel.
pub fn nearly_all_fuel(guest: Guest) -> Guest {
    guest.with("(global $burnt (mut i32) (i32.const 0))").saying_first(&burning_some(47_000_000))
}

/// Does what takes long for little fuel, so that the clock stops it: each root waits for the one before.
pub fn slow() -> Guest {
    const ROOTS: usize = 64;
    let roots = format!("{}(local.get $x){}", "(f64.sqrt ".repeat(ROOTS), ")".repeat(ROOTS));
    let body = format!(
        "(local $x f64)
         (loop $again
            (local.set $x (f64.add (f64.const 2) {roots}))
            (br $again))
         unreachable"
    );
    Guest::policy("slow", &body)
}

/// Takes all memory.
pub fn bomb() -> Guest {
    Guest::bomb("bomb").pages(2)
}

/// A guest, ready to be called.
pub async fn load(plugins: &Plugins, guest: Guest) -> Policy {
    prepared(plugins, guest.component(), json!({})).await
}

/// The bundled router with a few rules, ready to be called.
pub async fn load_good(plugins: &Plugins) -> Policy {
    let (_, component) = BUNDLED.iter().find(|(name, _)| *name == "keyword-router").expect("it is bundled");
    let rules = ["refund(s|ed)?", r"order\s+#\d{4,}", "lost parcel", "press inquiry"];
    let rules = rules.iter().enumerate().map(|(number, pattern)| {
        json!({
            "name": format!("rule-{number}"), "any": [{ "regex": pattern }],
            "destination": { "department": "support" },
        })
    });
    prepared(plugins, component.to_vec(), json!({ "rules": rules.collect::<Vec<_>>() })).await
}

async fn prepared(plugins: &Plugins, component: Vec<u8>, settings: Value) -> Policy {
    let inspected = plugins.inspect(None, component.clone().into()).await.expect("it is a plugin");
    let artefact =
        plugins.prepare(None, component.into(), PluginKind::Policy, &settings).await.expect("it is prepared");
    plugins.load_policy(&artefact, Arc::new(inspected.manifest)).expect("it is loaded")
}

/// A new item that nobody has seen.
pub fn asked() -> (Event, Case) {
    let event = json!({
        "id": "evt_0000000000001", "kind": "item-received", "at": 1_800_000_000_000_i64, "depth": 0,
    });
    let case = json!({
        "now": 1_800_000_000_000_i64,
        "inbox": { "name": "web", "channel": "web", "department": "desk" },
        "item": {
            "external_id": "i-1", "kind": "mention", "visibility": "public", "author": { "external_id": "u-1" },
            "text": "Third time I write about order #48151623 and still nothing: nobody answers the phone.",
            "occurred_at": 1_800_000_000_000_i64,
        },
        "conversation": { "id": "cnv_0000000000001", "status": "open", "opened_at": 0, "item_count": 1 },
    });
    let read = "the sample is what `switchboard schema case` says";
    (serde_json::from_value(event).expect(read), serde_json::from_value(case).expect(read))
}
