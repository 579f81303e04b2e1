//! Levels by time alone, and by the promise.

use serde_json::{Value, json};

use crate::support::reply::text;
use crate::support::{HOUR_MS, MINUTE_MS, TestApp};

async fn with_levels(levels: Value) -> TestApp {
    let app = TestApp::company().await;
    app.enable(json!({
        "plugin": "escalate-on-silence", "phase": "escalate", "mode": "active", "settings": { "levels": levels },
    }))
    .await;
    app
}

#[tokio::test]
async fn each_level_names_who_takes_over_and_what_they_are_told() {
    let app = with_levels(json!([
        { "when": "10m", "to": { "department": "service", "queue": "leads" } },
        { "when": "2h", "to": { "department": "management" }, "reason": "Two hours without a word." },
    ]))
    .await;
    let conversation = app.say("hello?").await;
    app.settle().await;
    app.advance_ms(10 * MINUTE_MS).await;
    assert_eq!(app.place(&conversation).await, "service/leads");
    app.advance_ms(2 * HOUR_MS - 10 * MINUTE_MS).await;
    assert_eq!(app.place(&conversation).await, "management/general");
    let decisions = app.decisions(&conversation).await;
    let fired: Vec<_> = decisions.iter().filter_map(|it| it["outcome"].get("escalation")).collect();
    assert_eq!(text(fired[1], "/reason"), "Two hours without a word.");
    assert_eq!(text(fired[1], "/by"), "escalate-on-silence");
}

#[tokio::test]
async fn levels_need_no_promise() {
    let app = with_levels(json!([{ "when": "1d", "to": { "department": "management" } }])).await;
    app.patch("/v1/inboxes/chat", json!({ "promise": null })).await.json(200);
    let conversation = app.say("hello?").await;
    app.settle().await;
    app.advance_ms(24 * HOUR_MS).await;
    assert_eq!(app.place(&conversation).await, "management/general");
}

#[tokio::test]
async fn without_settings_the_promise_decides() {
    let app = TestApp::company().await;
    app.enable(json!({ "plugin": "escalate-on-silence", "phase": "escalate", "mode": "active" })).await;
    let conversation = app.say("hello?").await;
    app.settle().await;
    app.advance_ms(45 * MINUTE_MS).await;
    assert_eq!(app.conversation(&conversation).await["priority"], "high");
    app.advance_ms(15 * MINUTE_MS).await;
    let shown = app.conversation(&conversation).await;
    assert_eq!((&shown["priority"], &shown["escalation_level"]), (&json!("urgent"), &json!(2)));
}

#[tokio::test]
async fn levels_out_of_order_are_refused() {
    let app = TestApp::company().await;
    let levels = json!([{ "when": "2h" }, { "when": "1h" }]);
    let activation =
        json!({ "plugin": "escalate-on-silence", "settings": { "levels": levels }, "mode": "active" });
    app.post("/v1/activations", activation).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/escalate-on-silence").await.json(200);
    assert_eq!(shown["preparation"]["failure"], "invalid-settings", "{shown}");
    assert!(text(&shown, "/preparation/reason").contains("/levels/1"), "{shown}");
}
