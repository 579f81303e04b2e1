//! Enabling through the HTTP interface, above all what is refused.

use serde_json::{Value, json};
use switchboard::domain::activation::{Activation, NextVersion, Preparation};
use switchboard::domain::principal::Principal;
use switchboard::flow::enable;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::reply::{entries, text};

fn router_with(settings: Value) -> Value {
    json!({ "name": "rules", "plugin": "keyword-router", "settings": settings, "mode": "active" })
}

#[tokio::test]
async fn settings_against_the_schema_are_refused_at_every_place() {
    let app = TestApp::company().await;
    let rule = json!({ "name": "one", "any": ["kettle"], "priority": "extreme" });
    let refused = app.post("/v1/activations", router_with(json!({ "rules": [rule] }))).await;
    assert_eq!(refused.pointers(), ["/settings/rules/0/priority"]);
    assert!(refused.text().contains("urgent"), "{}", refused.text());
    for (condition, place) in [
        (json!({ "words": ["kettle"], "in": ["body"] }), "any/0/in/0"),
        (json!({ "words": [] }), "any/0/words"),
        (json!({ "regex": "kettle", "inn": ["text"] }), "any/0/inn"),
        (json!({ "words": ["kettle"], "regex": "kettle" }), "any/0"),
        (json!(7), "any/0"),
    ] {
        let rule = json!({ "name": "one", "any": [condition], "priority": "high" });
        let refused = app.post("/v1/activations", router_with(json!({ "rules": [rule] }))).await;
        assert_eq!(refused.pointers(), [format!("/settings/rules/0/{place}")], "{}", refused.text());
    }
    let refused = app.post("/v1/activations", router_with(json!({}))).await;
    assert_eq!(refused.pointers(), ["/settings"]);
    assert!(refused.text().contains("rules"), "{}", refused.text());
    app.get("/v1/activations/rules").await.problem(404);
}

#[tokio::test]
async fn settings_that_only_the_plugin_can_judge_fail_with_its_words() {
    let app = TestApp::company().await;
    let rule = json!({ "name": "one", "any": [{ "regex": "(" }], "priority": "high" });
    app.post("/v1/activations", router_with(json!({ "rules": [rule] }))).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/rules").await.json(200);
    assert_eq!(shown["preparation"]["state"], "failed");
    assert_eq!(shown["preparation"]["failure"], "invalid-settings");
    assert!(text(&shown, "/preparation/reason").contains("/rules/0/any/0"), "{shown}");
}

#[tokio::test]
async fn what_is_not_published_cannot_be_enabled() {
    let app = TestApp::company().await;
    let unknown = app.post("/v1/activations", json!({ "plugin": "astrology" })).await.problem(404);
    assert!(text(&unknown, "/detail").contains("keyword-router"), "{unknown}");
    let version = json!({ "plugin": "keyword-router", "version": "77.0.0", "settings": { "rules": [] } });
    let unknown = app.post("/v1/activations", version).await.problem(404);
    assert!(text(&unknown, "/detail").contains("there is: "), "{unknown}");
}

#[tokio::test]
async fn a_name_is_given_once_and_an_adapter_is_enabled_once() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    app.post("/v1/activations", word_to("rules", "kettle", "billing")).await.problem(409);
    let second = app.post("/v1/activations", json!({ "name": "second", "plugin": "email" })).await;
    assert!(text(&second.problem(409), "/detail").contains("change that activation's version"));
}

#[tokio::test]
async fn an_adapter_takes_no_settings_here() {
    let app = TestApp::company().await;
    let change = app.patch("/v1/activations/email", json!({ "settings": { "address": "x" } })).await;
    assert_eq!(change.pointers(), ["/settings"]);
}

#[tokio::test]
async fn an_activation_is_changed_only_by_who_saw_it() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    let etag = app.get("/v1/activations/rules").await.headers["etag"].to_str().unwrap().to_owned();
    let change = async |rank: i32| {
        let headers = [("content-type", "application/json"), ("if-match", etag.as_str())];
        app.ask("PATCH", "/v1/activations/rules", &headers, json!({ "rank": rank }).to_string()).await
    };
    change(1).await.json(202);
    change(2).await.problem(412);
    let headers = [("content-type", "application/json"), ("if-match", "W/\"x\"")];
    app.ask("POST", "/v1/activations/rules/roll-back", &headers, "{}").await.problem(412);
    assert_eq!(app.get("/v1/activations/rules").await.json(200)["rank"], 1);
}

#[tokio::test]
async fn of_two_changes_that_saw_the_same_activation_one_is_refused() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    let (app, path) = (&app, "/v1/activations/rules");
    for round in 0..20 {
        let etag = app.get(path).await.headers["etag"].to_str().unwrap().to_owned();
        let headers = [("content-type", "application/json"), ("if-match", etag.as_str())];
        let change = async |rank: i32| {
            app.ask("PATCH", path, &headers, json!({ "rank": rank }).to_string()).await.status.as_u16()
        };
        let (one, other) = tokio::join!(change(2 * round + 1), change(2 * round + 2));
        assert_eq!([one.min(other), one.max(other)], [202, 412], "round {round}");
    }
}

/// Has other settings of `rules` be prepared for as long as nobody finishes it.
async fn begin_to_prepare(app: &TestApp, settings: &Value) {
    let (flow, admin) = (app.flow(), Principal::admin());
    let seen = enable::find_seen(flow, &admin, "rules").await.unwrap();
    let next = NextVersion {
        revision: seen.revision + 1,
        release: seen.release,
        version: seen.version.clone(),
        digest: seen.digest.clone(),
        settings: settings.clone(),
        preparation: Preparation::Preparing,
    };
    let after = Activation { next: Some(next), updated_at: seen.updated_at.plus_ms(1), ..seen.clone() };
    let audit = flow.audit(&admin, "activation.change", &seen.id.to_string(), Value::Null);
    flow.store.change_activation(&after, seen.updated_at, &[], &audit).await.unwrap();
}

#[tokio::test]
async fn what_is_still_being_prepared_is_not_rolled_back_and_says_when_it_can_be() {
    let app = TestApp::company().await;
    app.enable(word_to("rules", "invoice", "billing")).await;
    let roll_back = async |body: Value| app.post("/v1/activations/rules/roll-back", body).await;
    let settings = |word: &str| word_to("rules", word, "billing")["settings"].clone();
    let there = roll_back(json!({})).await.problem(404);
    assert!(text(&there, "/detail").contains("it has: 1"), "{there}");
    // The second time there is an earlier one too, which is not the one that is meant.
    for present in [1, 2] {
        begin_to_prepare(&app, &settings("kettle")).await;
        for body in [json!({}), json!({ "to_revision": present + 1 })] {
            let refused = roll_back(body).await.problem(409);
            let named = format!("revision {} of `rules` is still being prepared", present + 1);
            assert!(text(&refused, "/detail").contains(&named), "{refused}");
            let remedy = text(&refused, "/remedy");
            assert!(
                remedy.contains("GET /v1/activations/rules") && remedy.contains("ask again"),
                "{refused}"
            );
        }
        // What is named is put back, and what was being prepared does not take over.
        roll_back(json!({ "to_revision": present })).await.json(202);
        app.prepared().await;
        let shown = app.get("/v1/activations/rules").await.json(200);
        assert_eq!((&shown["revision"], &shown["settings"]), (&json!(present + 1), &settings("invoice")));
    }
}

#[tokio::test]
async fn activations_are_listed_in_the_order_in_which_they_are_asked() {
    let app = TestApp::staffed().await;
    let mut early = word_to("early", "kettle", "billing");
    early["rank"] = json!(-5);
    app.enable(early).await;
    let listed = app.get("/v1/activations").await.json(200);
    let policies = entries(&listed).iter().filter(|it| it["kind"] == "policy");
    let names: Vec<_> = policies.map(|it| text(it, "/name")).collect();
    assert_eq!(names, ["reach-priority", "early", "keyword-router", "escalate-on-silence"]);
}

#[tokio::test]
async fn nothing_counts_unless_somebody_says_so() {
    let app = TestApp::company().await;
    let mut rule = word_to("rules", "invoice", "billing");
    rule.as_object_mut().unwrap().remove("mode");
    rule.as_object_mut().unwrap().remove("phase");
    let enabled = app.enable(rule).await;
    assert_eq!((&enabled["mode"], &enabled["phase"]), (&json!("shadow"), &json!("route")));
}

#[tokio::test]
async fn an_owner_is_a_department() {
    let app = TestApp::company().await;
    let mut rule = word_to("rules", "invoice", "billing");
    rule["owner"] = json!("astrology");
    assert_eq!(app.post("/v1/activations", rule.clone()).await.pointers(), ["/owner"]);
    rule["owner"] = json!("billing");
    assert_eq!(app.enable(rule).await["owner_name"], "billing");
}

#[tokio::test]
async fn names_that_look_like_anothers_are_refused_to_a_department() {
    let app = TestApp::company().await;
    app.enable(word_to("billing-rule", "invoice", "billing")).await;
    let token = app.token_for(json!({ "role": "admin", "department": "service" })).await;
    let mut rule = word_to("bi11ing-rule", "invoice", "service");
    rule["reach"] = "own-department".into();
    let refused = app.ask_as(&token, "POST", "/v1/activations", Some(&rule)).await.problem(409);
    assert!(text(&refused, "/detail").contains("billing-rule"), "{refused}");
    rule["name"] = "service-rule".into();
    app.ask_as(&token, "POST", "/v1/activations", Some(&rule)).await.json(202);
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let inbox =
        json!({ "name": "mai1", "department": "billing", "adapter": "cloudevents", "channel": "b-web" });
    let refused = app.ask_as(&token, "POST", "/v1/inboxes", Some(&inbox)).await.problem(409);
    assert!(text(&refused, "/detail").contains("taken for mail"), "{refused}");
}

#[tokio::test]
async fn scope_that_names_something_twice_is_kept_with_it_once() {
    let app = TestApp::company().await;
    let mut rule = word_to("rules", "invoice", "billing");
    rule["applies_to"] = json!({ "inboxes": ["chat", "chat", "mail"], "channels": ["web", "web"] });
    let enabled = app.post("/v1/activations", rule).await.json(202);
    assert_eq!(enabled["applies_to"]["inboxes"], json!(["chat", "mail"]));
    assert_eq!(enabled["applies_to"]["channels"], json!(["web"]));
    let change = json!({ "applies_to": { "events": ["asked-by-hand", "asked-by-hand"] } });
    let changed = app.patch("/v1/activations/rules", change).await.json(202);
    assert_eq!(changed["applies_to"]["events"], json!(["asked-by-hand"]));
}
