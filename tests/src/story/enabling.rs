//! The rules change: prepared in the background, taken over when ready, put back when wrong.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchboard::flow::route;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{entries, text};

fn rules(word: &str, department: &str) -> Value {
    word_to("rules", word, department)["settings"].clone()
}

async fn route(app: &TestApp, words: &str) -> String {
    let conversation = app.say(words).await;
    app.settle().await;
    app.place(&conversation).await
}

#[tokio::test]
async fn enabling_answers_at_once_and_shows_how_far_it_is() {
    let app = TestApp::company().await;
    let answer = app.post("/v1/activations", word_to("rules", "invoice", "billing")).await.json(202);
    assert_eq!(answer["preparation"]["state"], "preparing");
    assert_eq!(route(&app, "nothing else to do meanwhile").await, "service/operator");
    let ready = app.get("/v1/activations/rules").await.json(200);
    assert_eq!(ready["preparation"]["state"], "ready");
    assert_eq!(route(&app, "my invoice").await, "billing/general");
}

#[tokio::test]
async fn the_present_settings_work_until_the_next_ones_are_ready() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    let change = json!({ "settings": rules("invoice", "management") });
    let changed = app.patch("/v1/activations/rules", change).await.json(202);
    assert_eq!(changed["revision"], 1);
    assert_eq!(changed["next"]["preparation"]["state"], "preparing");
    app.prepared().await;
    let ready = app.get("/v1/activations/rules").await.json(200);
    assert_eq!((&ready["revision"], ready.get("next")), (&json!(2), None));
    assert_eq!(route(&app, "my invoice").await, "management/general");
}

#[tokio::test]
async fn settings_that_cannot_be_prepared_leave_the_present_ones_at_work() {
    let app = TestApp::company().await;
    let guest = Guest::proposing("picky", Kind::Spam, "as always").refusing_settings();
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "picky", "phase": "qualify", "mode": "active" })).await;
    app.patch("/v1/activations/picky", json!({ "settings": { "more": true } })).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/picky").await.json(200);
    assert_eq!(shown["revision"], 1);
    assert_eq!(shown["next"]["preparation"]["state"], "failed");
    assert!(!text(&shown, "/next/preparation/reason").is_empty(), "{shown}");
    assert_eq!(route(&app, "anything").await, "service/junk");
}

#[tokio::test]
async fn a_policy_that_cannot_be_prepared_at_all_is_shown_as_failed_with_its_reason() {
    let app = TestApp::company().await;
    let guest = Guest::proposing("picky", Kind::Spam, "never").refusing_settings();
    app.upload(guest.component()).await.json(201);
    let enable = json!({ "plugin": "picky", "settings": { "more": true }, "mode": "active" });
    app.post("/v1/activations", enable).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/picky").await.json(200);
    assert_eq!(shown["preparation"]["state"], "failed");
    assert!(!text(&shown, "/preparation/failure").is_empty(), "{shown}");
    assert_eq!(route(&app, "anything").await, "service/operator");
}

#[tokio::test]
async fn rolling_back_puts_earlier_settings_back_as_a_new_version() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    app.patch("/v1/activations/rules", json!({ "settings": rules("invoice", "management") })).await.json(202);
    app.settle().await;
    assert_eq!(route(&app, "my invoice").await, "management/general");

    app.post("/v1/activations/rules/roll-back", json!({})).await.json(202);
    app.settle().await;
    assert_eq!(route(&app, "my invoice").await, "billing/general");
    let versions = app.get("/v1/activations/rules/versions").await.json(200);
    let settings: Vec<_> =
        entries(&versions).iter().map(|it| text(it, "/settings/rules/0/destination/department")).collect();
    assert_eq!(settings, ["billing", "management", "billing"]);
    app.post("/v1/activations/rules/roll-back", json!({ "to_revision": 2 })).await.json(202);
    app.settle().await;
    assert_eq!(route(&app, "my invoice").await, "management/general");
    let unknown = app.post("/v1/activations/rules/roll-back", json!({ "to_revision": 77 })).await;
    assert!(text(&unknown.problem(404), "/detail").contains("4, 3, 2, 1"));
}

#[tokio::test]
async fn another_release_is_enabled_and_rolled_back() {
    let app = TestApp::company().await;
    app.upload(Guest::proposing("judge", Kind::Abstain, "no idea").component()).await.json(201);
    app.enable(json!({ "plugin": "judge", "phase": "qualify", "mode": "active" })).await;
    let stricter = Guest::proposing("judge", Kind::Spam, "all is spam").version("2.0.0");
    app.upload(stricter.component()).await.json(201);
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    assert_eq!(route(&app, "refund").await, "service/junk");
    app.post("/v1/activations/judge/roll-back", json!({})).await.json(202);
    assert_eq!(route(&app, "refund").await, "service/operator");
    assert_eq!(app.get("/v1/activations/judge").await.json(200)["version"], "1.0.0");
}

#[tokio::test]
async fn every_change_makes_a_generation_and_their_difference_can_be_seen() {
    let app = TestApp::company().await;
    let before = app.get("/readyz").await.json(200)["generation"].as_i64().unwrap();
    app.enable(word_to("rules", "invoice", "billing")).await;
    app.patch("/v1/activations/rules", json!({ "rank": 7 })).await.json(202);
    let after = app.get("/readyz").await.json(200)["generation"].as_i64().unwrap();
    assert_eq!(after, before + 2);

    let difference =
        async |from, to| app.get(&format!("/v1/generations/difference?from={from}&to={to}")).await.json(200);
    let added = difference(before, after).await;
    assert_eq!(added["added"][0]["name"], "rules");
    assert_eq!((&added["removed"], &added["changed"]), (&json!([]), &json!([])));
    let changed = difference(after - 1, after).await;
    assert_eq!(changed["changed"][0]["before"]["rank"], 0);
    assert_eq!(changed["changed"][0]["after"]["rank"], 7);
    let removed = difference(after, before).await;
    assert_eq!(removed["removed"][0]["name"], "rules");
}

#[tokio::test]
async fn a_decision_names_the_generation_it_was_made_under() {
    let app = TestApp::staffed().await;
    let conversation = app.say("my refund").await;
    app.settle().await;
    let number = app.get("/readyz").await.json(200)["generation"].clone();
    let generation = app.get(&format!("/v1/generations/{number}")).await.json(200);
    app.patch("/v1/activations/keyword-router", json!({ "rank": 3 })).await.json(202);
    assert_eq!(app.decision(&conversation).await["generation"], generation["id"]);
}

#[tokio::test]
async fn work_in_flight_and_a_change_of_rules_do_not_lose_each_other() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    let mut conversations = Vec::new();
    for _ in 0..40 {
        conversations.push(app.say("my invoice").await);
    }
    let change = app.patch("/v1/activations/rules", json!({ "settings": rules("invoice", "management") }));
    let (changed, ()) = tokio::join!(change, app.settle());
    changed.json(202);
    app.settle().await;
    for conversation in conversations {
        let place = app.place(&conversation).await;
        assert!(["billing/general", "management/general"].contains(&place.as_str()), "{place}");
    }
}

/// The release and settings' digest that each generation says a policy has.
async fn said_by(app: &TestApp, generation: &str) -> (String, String) {
    let newest = app.get("/readyz").await.json(200)["generation"].as_i64().unwrap();
    for number in (1..=newest).rev() {
        let shown = app.get(&format!("/v1/generations/{number}")).await.json(200);
        if shown["id"] == generation {
            let entries = shown["entries"].as_array().unwrap();
            let judge = entries.iter().find(|it| it["name"] == "judge").unwrap();
            return (text(judge, "/release").to_owned(), text(judge, "/digest").to_owned());
        }
    }
    panic!("there is no generation {generation}");
}

#[tokio::test]
async fn a_roll_back_with_work_in_flight_has_each_event_judged_once_by_what_its_generation_says() {
    let app = TestApp::company().await;
    app.upload(Guest::proposing("judge", Kind::Abstain, "no idea").component()).await.json(201);
    app.enable(json!({ "plugin": "judge", "phase": "qualify", "mode": "active" })).await;
    app.upload(Guest::proposing("judge", Kind::Spam, "all is spam").version("2.0.0").component())
        .await
        .json(201);
    app.patch("/v1/activations/judge", json!({ "version": "2.0.0" })).await.json(202);
    app.settle().await;
    let before = app.get("/readyz").await.json(200)["generation"].as_i64().unwrap();

    let mut conversations = vec![app.say("is this spam?").await];
    app.settle().await;
    // What comes in and is judged, and the roll-back, take turns at every step.
    let coming = async {
        for _ in 0..60 {
            conversations.push(app.say("is this spam?").await);
            route::route_batch(app.flow()).await.unwrap();
        }
    };
    let back = async {
        app.post("/v1/activations/judge/roll-back", json!({})).await.json(202);
        app.prepared().await;
    };
    tokio::join!(coming, back);
    // And once more after it, however fast the machine was.
    conversations.push(app.say("is this spam?").await);
    app.settle().await;
    let after = app.get("/readyz").await.json(200)["generation"].as_i64().unwrap();
    assert!(after > before, "the roll-back made a generation");

    let mut releases = BTreeMap::new();
    for conversation in &conversations {
        let decisions = app.decisions(conversation).await;
        assert_eq!(decisions.len(), 1, "each event is judged once");
        let said = &decisions[0]["contributions"][0];
        let release = text(said, "/release").to_owned();
        let by = (release.clone(), text(said, "/digest").to_owned());
        assert_eq!(said_by(&app, text(&decisions[0], "/generation")).await, by, "as its generation has it");
        let place = if release == "judge@2.0.0" { "service/junk" } else { "service/operator" };
        assert_eq!(app.place(conversation).await, place, "{release}");
        *releases.entry(release).or_insert(0) += 1;
    }
    assert_eq!(releases.keys().collect::<Vec<_>>(), ["judge@1.0.0", "judge@2.0.0"], "{releases:?}");
}
