//! Guests that misbehave: each is recorded by the name of what it did, the others are asked all the
//! same, and the conversation gets where it belongs.

use serde_json::json;

use crate::support::TestApp;
use crate::support::guest::{GROW, Guest, LOOP, TRAP};
use crate::support::reply::text;

/// How a guest that never ends is stopped: by its fuel, or by the clock where the machine is so busy
/// that it comes first.
const ENDLESS: &[&str] = &["fuel", "deadline"];

/// Enables a hostile policy before the others, takes items in, and expects one of the failures.
async fn is_survived_as(failures: &[&str], body: &str) {
    let app = TestApp::staffed().await;
    app.upload(Guest::policy("hostile", body).component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "phase": "qualify", "rank": -1, "mode": "active" })).await;
    for _ in 0..2 {
        let conversation = app.say("a refund, please").await;
        app.settle().await;
        assert_eq!(app.place(&conversation).await, "billing/refunds");
        let decision = app.decision(&conversation).await;
        let hostile = &decision["contributions"][0];
        assert_eq!(hostile["name"], "hostile");
        assert!(failures.contains(&text(hostile, "/failure/name")), "{hostile}");
        assert_eq!(decision["contributions"].as_array().unwrap().len(), 4, "the others were asked");
    }
    app.get("/healthz").await.json(200);
    let metrics = app.get("/metrics").await.text();
    let counted = |failure: &&str| {
        metrics.contains(&format!(
            "switchboard_plugin_failures_total{{plugin=\"hostile\",failure=\"{failure}\"}}"
        ))
    };
    assert!(failures.iter().any(counted), "{metrics}");
}

#[tokio::test]
async fn a_policy_that_traps_is_survived() {
    is_survived_as(&["trap"], TRAP).await;
}

#[tokio::test]
async fn a_policy_that_never_ends_is_survived() {
    is_survived_as(ENDLESS, LOOP).await;
}

#[tokio::test]
async fn a_policy_that_takes_all_memory_is_survived() {
    is_survived_as(&["memory"], GROW).await;
}

#[tokio::test]
async fn a_policy_that_answers_nonsense_is_survived() {
    // A result is 0 or 1.
    is_survived_as(&["bad-output"], "(i32.store8 (i32.const 512) (i32.const 7)) i32.const 512").await;
}

#[tokio::test]
async fn a_policy_that_refuses_is_survived() {
    is_survived_as(&["refused"], "(i32.store8 (i32.const 512) (i32.const 1)) i32.const 512").await;
}

#[tokio::test]
async fn an_adapter_that_never_ends_is_survived() {
    let app = TestApp::company().await;
    for (name, body, failures) in [("endless", LOOP, ENDLESS), ("greedy", GROW, &["memory"][..])] {
        app.upload(Guest::adapter(name, body).component()).await.json(201);
        app.enable(json!({ "plugin": name, "mode": "active" })).await;
        let inbox = json!({ "name": name, "department": "service", "adapter": name, "access": "open" });
        app.post("/v1/inboxes", inbox).await.json(201);
        let received = app.deliver(name, "text/plain", "whatever").await.json(202);
        assert_eq!(received["outcome"], "unparsed");
        let reason = text(&received, "/reason");
        assert!(failures.iter().any(|failure| reason.starts_with(failure)), "{received}");
    }
    assert_eq!(app.tell(json!({ "author": "u-1", "text": "hello" })).await["outcome"], "accepted");
}

#[tokio::test]
async fn a_hostile_policy_in_shadow_is_recorded_too() {
    let app = TestApp::company().await;
    app.upload(Guest::policy("hostile", TRAP).component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "shadow" })).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["contributions"][0]["failure"]["name"], "trap");
    assert_eq!(app.place(&conversation).await, "service/operator");
}
