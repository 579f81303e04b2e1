//! A host stops and starts again: nothing is lost, nothing is compiled, and there is one at a time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use switchboard::app::clock::SystemClock;
use switchboard::app::{App, Parts};
use switchboard::domain::clock::IdGenerator;
use switchboard::plugin::PluginConfig;
use switchboard::store::sqlite::{SqliteStore, StorePath};
use switchboard::store::{LastEnd, StoreError};

use crate::support::egress::RecordingEgress;
use crate::support::file::{carry_over, spoil_page_of};
use crate::support::reply::text;
use crate::support::{TestApp, program};

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
async fn preparation_that_a_stop_ends_is_taken_up_at_the_next_start() {
    let app = TestApp::company().await;
    let activation = crate::support::company::word_to("rules", "umbrella", "billing");
    app.post("/v1/activations", activation).await.json(202);
    let app = app.restart().await;
    app.prepared().await;
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
    let ids = Arc::new(IdGenerator::new(0));
    let second = SqliteStore::open(StorePath::File(app.file()), ids).await;
    assert!(matches!(second, Err(StoreError::InUse(_))));
}

#[tokio::test]
async fn the_token_is_still_the_same_after_a_restart() {
    let app = TestApp::company().await.restart().await;
    app.get("/v1/departments").await.json(200);
    app.post("/v1/departments", json!({ "name": "legal" })).await.json(201);
}

/// Nobody would know otherwise, and replies would not be sent until somebody wonders.
#[tokio::test]
async fn a_worker_that_panics_ends_the_host_and_the_next_one_inspects() {
    let app = TestApp::company().await;
    assert!(app.app().check_whole().is_ok());
    app.clock.panic_once();
    app.app().work();
    let stopping = app.app().stopping();
    let stopped = tokio::time::timeout(Duration::from_secs(60), stopping.cancelled()).await;
    stopped.expect("the host goes on");
    let why = app.app().check_whole().unwrap_err().to_string();
    assert!(why.contains("ended by a panic"), "{why}");
    let (_folder, file) = app.stop().await;
    assert_eq!(carry_over(&file).await, LastEnd::Sudden);
    assert_eq!(carry_over(&file).await, LastEnd::Orderly);
}

#[tokio::test]
async fn damage_that_a_request_meets_is_inspected_at_the_next_start() {
    let app = TestApp::company().await;
    for number in 0..40 {
        let word = format!("word-of-{number}.");
        let told =
            json!({ "id": format!("i-{number}"), "author": "u-1", "text": "hello", "x": word.repeat(150) });
        app.tell(told).await;
    }
    app.settle().await;
    let app = app
        .meanwhile(async |folder| spoil_page_of(&folder.join("switchboard.db"), "word-of-3.word-of-3.").await)
        .await;
    let problem = app.get("/v1/deliveries?limit=200").await.problem(503);
    assert!(text(&problem, "/detail").contains("damaged"), "{problem}");
    let (_folder, file) = app.stop().await;
    assert_eq!(carry_over(&file).await, LastEnd::Sudden, "an orderly stop forgot it");
}

/// It has begun nothing that could be half done.
#[tokio::test]
async fn a_start_that_fails_after_the_repository_is_open_ends_in_order() {
    let (folder, file) = TestApp::company().await.stop().await;
    let no_folder = folder.path().join("no-folder");
    std::fs::write(&no_folder, "").unwrap();
    let parts = Parts {
        repository: StorePath::File(file.clone()),
        artefact_shelf: Some(no_folder),
        plugins: PluginConfig::new(program()),
        secrets_key: None,
        clock: Arc::new(SystemClock),
        egress: Arc::new(RecordingEgress::default()),
    };
    let error = App::open(parts).await.err().expect("a file is no shelf");
    assert!(format!("{error:#}").contains("shelf"), "{error:#}");
    assert_eq!(carry_over(&file).await, LastEnd::Orderly);
}
