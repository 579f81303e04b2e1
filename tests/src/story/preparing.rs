//! Preparations: the newest of each activation alone, and ready means at work.

use serde_json::{Value, json};
use switchboard::domain::activation::{Activation, Preparation};
use switchboard::domain::principal::Principal;
use switchboard::flow::enable;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::compiler::{children, endless_compiler, is_at_work, until};
use crate::support::guest::{Guest, Kind};
use crate::support::reply::text;

fn rules(word: &str) -> Value {
    word_to("rules", word, "billing")["settings"].clone()
}

/// A plugin that is quickly compiled and takes any settings, published and enabled as `quick`.
async fn with_quick_plugin() -> TestApp {
    let app = TestApp::company().await;
    app.upload(Guest::proposing("quick", Kind::Abstain, "no idea").component()).await.json(201);
    app.enable(json!({ "plugin": "quick", "mode": "active", "settings": { "number": -1 } })).await;
    app
}

fn numbered(number: i64) -> Value {
    json!({ "settings": { "number": number } })
}

#[tokio::test]
async fn newer_settings_replace_those_that_are_still_being_prepared() {
    let folder = tempfile::tempdir().unwrap();
    let app = with_quick_plugin().await.restart_with_compiler(endless_compiler(folder.path())).await;
    for number in 0..30 {
        app.patch("/v1/activations/quick", numbered(number)).await.json(202);
        assert_eq!(app.flow().preparations.under_way(), 1);
    }
    until(async || app.flow().tasks.len() == 1).await;
    until(async || children(folder.path()).iter().filter(|it| is_at_work(it)).count() == 1).await;
    let app = app.restart().await;
    app.prepared().await;
    let shown = app.get("/v1/activations/quick").await.json(200);
    assert_eq!((&shown["revision"], &shown["settings"]["number"]), (&json!(2), &json!(29)), "{shown}");
}

#[tokio::test]
async fn other_changes_do_not_begin_a_preparation_anew() {
    let folder = tempfile::tempdir().unwrap();
    let app = with_quick_plugin().await.restart_with_compiler(endless_compiler(folder.path())).await;
    app.patch("/v1/activations/quick", numbered(1)).await.json(202);
    until(async || children(folder.path()).len() == 1).await;
    for rank in 0..3 {
        app.patch("/v1/activations/quick", json!({ "rank": rank })).await.json(202);
    }
    assert_eq!(app.flow().plugins.compilations(), 1);
    assert_eq!(app.flow().tasks.len(), 1);
}

#[tokio::test]
async fn stopping_ends_preparations_and_the_next_start_takes_them_up() {
    let folder = tempfile::tempdir().unwrap();
    let app = with_quick_plugin().await.restart_with_compiler(endless_compiler(folder.path())).await;
    for number in 0..5 {
        let name = format!("quick-{number}");
        let new = json!({ "name": name, "plugin": "quick", "settings": { "number": number } });
        app.post("/v1/activations", new).await.json(202);
    }
    until(async || !children(folder.path()).is_empty()).await;
    // It does not come back while a preparation is waited for.
    let app = app.restart().await;
    until(async || !children(folder.path()).iter().any(|it| is_at_work(it))).await;
    app.prepared().await;
    for number in 0..5 {
        let shown = app.get(&format!("/v1/activations/quick-{number}")).await.json(200);
        assert_eq!(shown["preparation"]["state"], "ready", "{shown}");
    }
}

/// What the repository says of `rules`.
async fn written(app: &TestApp) -> Option<(i64, Preparation)> {
    let all = app.flow().store.activations().await.unwrap();
    all.into_iter().find(|it| it.name == "rules").map(|it| (it.revision, it.preparation))
}

#[tokio::test]
async fn activation_is_shown_as_ready_only_while_items_are_evaluated_by_it() {
    let app = TestApp::company().await;
    let shown = async || app.get("/v1/activations/rules").await.json(200);
    // While this is held nothing is put to work.
    let held = app.flow().refreshing.lock().await;
    app.post("/v1/activations", word_to("rules", "invoice", "billing")).await.json(202);
    until(async || written(&app).await == Some((1, Preparation::Ready))).await;
    assert_eq!(shown().await["preparation"]["state"], "preparing");
    drop(held);
    until(async || shown().await["preparation"]["state"] == "ready").await;
    let conversation = app.say("my invoice").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/general");

    let held = app.flow().refreshing.lock().await;
    let change = app.patch("/v1/activations/rules", json!({ "settings": rules("kettle") }));
    let looked = async {
        until(async || written(&app).await == Some((2, Preparation::Ready))).await;
        let seen = shown().await;
        drop(held);
        seen
    };
    let (changed, seen) = tokio::join!(change, looked);
    changed.json(202);
    assert_eq!((&seen["revision"], text(&seen, "/preparation/state")), (&json!(2), "preparing"));
    until(async || shown().await["preparation"]["state"] == "ready").await;
    let conversation = app.say("my kettle").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/general");
}

#[tokio::test]
async fn preparation_that_the_host_spoils_is_told_as_failed() {
    let app = TestApp::staffed().await;
    let all = app.flow().store.activations().await.unwrap();
    let before = all.into_iter().find(|it| it.name == "keyword-router").unwrap();
    let updated_at = before.updated_at.plus_ms(1);
    let preparing = Activation { preparation: Preparation::Preparing, updated_at, ..before.clone() };
    let audit = app.flow().audit(&Principal::system(), "activation.change", "a test", Value::Null);
    app.flow().store.change_activation(&preparing, before.updated_at, &[], &audit).await.unwrap();
    app.clock.panic_once();
    enable::start_preparing(app.flow(), &preparing);
    app.prepared().await;
    let shown = app.get("/v1/activations/keyword-router").await.json(200);
    assert_eq!(shown["preparation"]["failure"], "crashed", "{shown}");
}
