//! The router, asked the way the host asks.

mod matching;
mod rules;
mod settings;

use serde_json::Value;
use switchboard_plugin_keyword_router::KeywordRouter;
use switchboard_plugin_sdk::prelude::*;
use switchboard_plugin_sdk::testing;

fn ask(settings: Value, case: &Case) -> Vec<Proposal> {
    let policy = testing::policy::<KeywordRouter>(settings).unwrap();
    policy.evaluate(&testing::event(Occasion::ItemReceived), case).unwrap()
}

/// Whether a rule with this one condition holds for the text.
fn finds(condition: Value, text: &str) -> bool {
    let rule = serde_json::json!({"name": "x", "any": [condition], "priority": "high"});
    let settings = serde_json::json!({"rules": [rule]});
    !ask(settings, &testing::case(text)).is_empty()
}
