//! Guests that misbehave before anybody asks them anything: at their start, when they say what they
//! are, and when they take their settings.

use serde_json::json;

use super::aftermath::{ENDLESS, compiles_on};
use crate::support::TestApp;
use crate::support::guest::{CONTENT, DONE, Guest, LOOP, burning};
use crate::support::reply::text;

/// The upload is refused for one of these, and nothing of it is kept.
async fn is_not_published(guest: Guest, failures: &[&str]) {
    let app = TestApp::company().await;
    let problem = app.upload(guest.component()).await.problem(422);
    assert_eq!(problem["name"], "describe-failed", "{problem}");
    let detail = text(&problem, "/detail");
    let named = |failure: &&str| detail.contains(&format!("`describe` failed: {failure}: "));
    assert!(failures.iter().any(named), "{problem}");
    assert!(!text(&problem, "/remedy").is_empty());
    app.get("/v1/plugins/hostile").await.problem(404);
    compiles_on(&app).await;
}

/// It is published, its activation fails by one of these names, and it is never asked.
async fn is_not_enabled(guest: Guest, failures: &[&str]) {
    let app = TestApp::company().await;
    app.upload(guest.component()).await.json(201);
    app.post("/v1/activations", json!({ "plugin": "hostile", "mode": "active" })).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/hostile").await.json(200);
    assert_eq!(shown["preparation"]["state"], "failed", "{shown}");
    assert!(failures.contains(&text(&shown, "/preparation/failure")), "{shown}");
    assert!(text(&shown, "/preparation/reason").len() <= 5_000, "{shown}");
    compiles_on(&app).await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let decision = app.decision(&conversation).await;
    assert_eq!(decision["contributions"], json!([]), "{decision}");
}

fn starting(body: &str) -> String {
    format!("(func $start {body}) (start $start)")
}

#[tokio::test]
async fn a_start_that_never_ends() {
    // Every step of it is done, as long as the fuel or the time for it lasts.
    is_not_published(Guest::policy("hostile", DONE).with(&starting(LOOP)), ENDLESS).await;
}

#[tokio::test]
async fn an_adapters_start_that_never_ends() {
    is_not_published(Guest::adapter("hostile", DONE).with(&starting(&burning())), ENDLESS).await;
}

#[tokio::test]
async fn a_description_that_never_ends() {
    is_not_published(Guest::policy("hostile", DONE).describing(&burning()), ENDLESS).await;
    is_not_published(Guest::adapter("hostile", DONE).describing(&burning()), ENDLESS).await;
}

#[tokio::test]
async fn a_description_of_three_megabytes() {
    // The summary is the manifest's third text.
    let describe = "(i32.store (i32.const 1040) (i32.const 1048576))
        (i32.store (i32.const 1044) (i32.const 3145728)) i32.const 1024";
    is_not_published(Guest::policy("hostile", DONE).describing(describe), &["output-too-large"]).await;
}

#[tokio::test]
async fn settings_that_are_never_taken() {
    is_not_enabled(Guest::policy("hostile", DONE).configuring(&burning()), ENDLESS).await;
}

#[tokio::test]
async fn settings_that_are_refused_with_three_megabytes() {
    let refuse = format!(
        "(i32.store8 (i32.const 512) (i32.const 1))
         (i32.store (i32.const 516) (i32.const {CONTENT})) (i32.store (i32.const 520) (i32.const 1))
         (i32.store (i32.const {}) (i32.const 1048576)) (i32.store (i32.const {}) (i32.const 3145728))
         {DONE}",
        CONTENT + 8,
        CONTENT + 12
    );
    is_not_enabled(Guest::policy("hostile", DONE).configuring(&refuse), &["output-too-large"]).await;
}

#[tokio::test]
async fn an_inboxs_settings_that_are_never_checked() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter("hostile", DONE).configuring(LOOP).component()).await.json(201);
    app.enable(json!({ "plugin": "hostile", "mode": "active" })).await;
    let inbox = json!({ "name": "web", "department": "service", "adapter": "hostile" });
    let problem = app.post("/v1/inboxes", inbox).await.problem(422);
    assert!(ENDLESS.iter().any(|it| text(&problem, "/detail").contains(it)), "{problem}");
    app.get("/v1/inboxes/web").await.problem(404);
    compiles_on(&app).await;
}
