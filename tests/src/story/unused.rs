//! What no activation uses any more is deleted after a while, and nothing that one can use.

use std::fs;

use serde_json::{Value, json};
use switchboard::flow::delete_unused;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::entries;

const DAY_MS: i64 = 24 * 3_600_000;

fn rules(word: &str) -> Value {
    word_to("rules", word, "billing")["settings"].clone()
}

/// How many files are in a folder beside the repository.
fn files(app: &TestApp, folder: &str) -> usize {
    fs::read_dir(app.file().with_file_name(folder)).unwrap().count()
}

/// Enables a plugin that is quickly compiled and takes any settings.
async fn enable_quick(app: &TestApp) {
    app.upload(Guest::proposing("quick", Kind::Abstain, "no idea").component()).await.json(201);
    app.enable(json!({ "plugin": "quick", "mode": "active", "settings": { "number": 1 } })).await;
}

async fn roll_back_to(app: &TestApp, revision: i64) {
    let wanted = json!({ "to_revision": revision });
    app.post("/v1/activations/quick/roll-back", wanted).await.json(202);
    app.settle().await;
}

/// The revision and the settings' number of what is at work.
async fn at_work(app: &TestApp) -> (i64, i64) {
    let shown = app.get("/v1/activations/quick").await.json(200);
    assert_eq!(shown["preparation"]["state"], "ready", "{shown}");
    (shown["revision"].as_i64().unwrap(), shown["settings"]["number"].as_i64().unwrap())
}

#[tokio::test]
async fn compiled_plugins_go_a_day_after_nothing_can_use_them() {
    let app = TestApp::company().await;
    enable_quick(&app).await;
    let before = files(&app, "artefacts");
    for number in 2..=9 {
        let change = json!({ "settings": { "number": number } });
        app.patch("/v1/activations/quick", change).await.json(202);
        app.settle().await;
    }
    assert_eq!(files(&app, "artefacts"), before + 8);
    delete_unused::delete_unused(app.flow()).await.unwrap();
    assert_eq!(files(&app, "artefacts"), before + 8, "they are kept for a day");
    app.clock.advance_ms(DAY_MS);
    delete_unused::delete_unused(app.flow()).await.unwrap();
    assert_eq!(files(&app, "artefacts"), before + 4, "the last five versions keep theirs");

    // The last five versions, the present one among them, need no compiler.
    let app = app.restart_without_compiler().await;
    roll_back_to(&app, 5).await;
    assert_eq!(at_work(&app).await, (10, 5));
    // Others are compiled again.
    let app = app.restart().await;
    roll_back_to(&app, 1).await;
    assert_eq!(at_work(&app).await, (11, 1));
}

#[tokio::test]
async fn component_of_a_yanked_release_goes_a_month_after_nothing_runs_it() {
    let app = TestApp::company().await;
    let component = Guest::proposing("judge", Kind::Abstain, "no idea").component();
    app.upload(component.clone()).await.json(201);
    app.enable(json!({ "plugin": "judge", "mode": "active" })).await;
    let yank = json!({ "reason": "it is wrong" });
    app.post("/v1/plugins/judge/1.0.0/yank", yank).await.json(200);
    let before = files(&app, "components");
    for _ in 0..2 {
        delete_unused::delete_unused(app.flow()).await.unwrap();
        app.clock.advance_ms(31 * DAY_MS);
    }
    assert_eq!(files(&app, "components"), before, "an activation runs it");

    let second = Guest::proposing("judge", Kind::Abstain, "no idea").version("2.0.0");
    app.upload(second.component()).await.json(201);
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    delete_unused::delete_unused(app.flow()).await.unwrap();
    app.clock.advance_ms(30 * DAY_MS);
    delete_unused::delete_unused(app.flow()).await.unwrap();
    assert_eq!(files(&app, "components"), before, "one came and one went");

    // Its version stays taken, and the same bytes bring it back.
    let other = Guest::proposing("judge", Kind::Spam, "all is spam").component();
    app.upload(other).await.problem(409);
    app.post("/v1/plugins/judge/1.0.0/unyank", json!({})).await.problem(409);
    app.upload(component).await.json(200);
    app.post("/v1/plugins/judge/1.0.0/unyank", json!({})).await.json(200);
    let versions = app.get("/v1/plugins/judge").await.json(200);
    assert_eq!(entries(&versions).len(), 2);
    app.patch("/v1/activations/judge", json!({ "version": "1.0.0" })).await.json(202);
    app.settle().await;
    assert_eq!(app.get("/v1/activations/judge").await.json(200)["version"], "1.0.0");
}

#[tokio::test]
async fn department_without_room_loses_what_it_does_not_use_and_no_more() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "word0", "billing")).await;
    let quotas = app.get("/v1/quotas").await.json(200);
    let used = entries(&quotas).iter().find(|it| it["quota"] == "artefact-bytes").unwrap()["used"].clone();
    let room = json!({ "quotas": { "artefact-bytes": used } });
    app.patch("/v1/quotas", room).await.json(200);
    let next = json!({ "settings": rules("another") });
    app.patch("/v1/activations/rules", next).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/rules").await.json(200);
    assert_eq!(shown["next"]["preparation"]["failure"], "over-quota", "{shown}");
    assert_eq!(shown["settings"], rules("word0"), "the present version works on");
    let app = app.restart_without_compiler().await;
    let conversation = app.say("word0").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/general");
}
