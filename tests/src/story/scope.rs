//! The host decides which cases a policy sees and how far its arm reaches.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::samples;

/// Enables a rule with this scope; where a chat message and a mail go.
async fn chat_and_mail(scope: Value) -> (String, String) {
    let app = TestApp::company().await;
    let mut rule = word_to("kettles", "kettle", "billing");
    rule["applies_to"] = scope;
    app.enable(rule).await;
    let chat = app.say("the kettle leaks").await;
    let mail = samples::mail("k-1", "kettle", "the kettle leaks");
    let mail = app.conversation_of(&app.deliver("mail", "message/rfc822", mail).await.json(202));
    app.settle().await;
    (app.place(&chat).await, app.place(&mail).await)
}

#[tokio::test]
async fn a_policy_sees_only_the_inboxes_it_applies_to() {
    let places = chat_and_mail(json!({ "inboxes": ["mail"] })).await;
    assert_eq!(places, ("service/operator".to_owned(), "billing/general".to_owned()));
}

#[tokio::test]
async fn a_policy_sees_only_the_channels_it_applies_to() {
    let places = chat_and_mail(json!({ "channels": ["web"] })).await;
    assert_eq!(places, ("billing/general".to_owned(), "service/operator".to_owned()));
}

#[tokio::test]
async fn a_policy_sees_only_the_departments_it_applies_to() {
    let places = chat_and_mail(json!({ "departments": ["communications"] })).await;
    assert_eq!(places, ("service/operator".to_owned(), "service/operator".to_owned()));
}

#[tokio::test]
async fn a_policy_is_asked_only_about_the_events_it_applies_to() {
    let places = chat_and_mail(json!({ "events": ["asked-by-hand"] })).await;
    assert_eq!(places, ("service/operator".to_owned(), "service/operator".to_owned()));
}

#[tokio::test]
async fn a_policy_confined_to_its_department_sends_nothing_to_others() {
    let app = TestApp::company().await;
    for (name, word, department) in [("own", "invoice", "billing"), ("others", "kettle", "management")] {
        let mut rule = word_to(name, word, department);
        rule["owner"] = json!("billing");
        rule["reach"] = json!("own-department");
        app.enable(rule).await;
    }
    let own = app.say("my invoice").await;
    let others = app.say("my kettle").await;
    app.settle().await;
    assert_eq!(app.place(&own).await, "billing/general");
    assert_eq!(app.place(&others).await, "service/operator");
    let decision = app.decision(&others).await;
    let verdicts: Vec<_> = decision["contributions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|it| it["proposals"].as_array().unwrap())
        .map(|it| it["verdict"].clone())
        .collect();
    assert_eq!(verdicts, ["out-of-reach"]);
}

#[tokio::test]
async fn a_scope_that_names_what_does_not_exist_is_refused_at_its_place() {
    let app = TestApp::company().await;
    let mut rule = word_to("kettles", "kettle", "billing");
    rule["applies_to"] = json!({ "inboxes": ["chat", "cat"] });
    assert_eq!(app.post("/v1/activations", rule.clone()).await.pointers(), ["/applies_to/inboxes/1"]);
    rule["applies_to"] = json!({ "departments": ["astrology"] });
    assert_eq!(app.post("/v1/activations", rule).await.pointers(), ["/applies_to/departments/0"]);
}
