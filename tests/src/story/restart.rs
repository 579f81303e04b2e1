//! A host stops and starts again: nothing is lost, nothing is compiled, and there is one at a time.

use serde_json::json;
use switchboard::domain::clock::IdGenerator;
use switchboard::store::StoreError;
use switchboard::store::sqlite::{SqliteStore, StorePath};

use crate::support::TestApp;

#[tokio::test]
async fn a_restart_compiles_nothing() {
    let app = TestApp::staffed().await.restart_without_compiler().await;
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
}

#[tokio::test]
async fn what_was_taken_in_before_a_stop_is_routed_after_it() {
    let app = TestApp::staffed().await;
    let conversation = app.say("a refund, please").await;
    let app = app.restart().await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    assert_eq!(app.decisions(&conversation).await.len(), 1);
}

#[tokio::test]
async fn a_stop_waits_for_preparations_under_way() {
    let app = TestApp::company().await;
    let activation = crate::support::company::word_to("rules", "umbrella", "billing");
    app.post("/v1/activations", activation).await.json(202);
    let app = app.restart_without_compiler().await;
    assert_eq!(app.get("/v1/activations/rules").await.json(200)["preparation"]["state"], "ready");
}

#[tokio::test]
async fn bundled_plugins_are_published_once() {
    let app = TestApp::company().await.restart_without_compiler().await;
    let before = app.get("/v1/plugins").await.json(200);
    app.app().publish_bundled().await.unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(app.get("/v1/plugins").await.json(200), before);
    assert_eq!(before["entries"].as_array().unwrap().len(), switchboard::bundled::BUNDLED.len());
}

#[tokio::test]
async fn a_generation_is_not_counted_up_by_a_restart() {
    let app = TestApp::staffed().await;
    let before = app.get("/readyz").await.json(200);
    let app = app.restart().await;
    assert_eq!(app.get("/readyz").await.json(200), before);
}

#[tokio::test]
async fn a_second_host_on_the_same_repository_is_refused() {
    let app = TestApp::company().await;
    let ids = std::sync::Arc::new(IdGenerator::new(0));
    let second = SqliteStore::open(StorePath::File(app.file()), ids).await;
    assert!(matches!(second, Err(StoreError::Unavailable(why)) if why.contains("another host")));
}

#[tokio::test]
async fn the_token_is_still_the_same_after_a_restart() {
    let app = TestApp::company().await.restart().await;
    app.get("/v1/departments").await.json(200);
    app.post("/v1/departments", json!({ "name": "legal" })).await.json(201);
}
