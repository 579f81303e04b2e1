//! What people decide stands, whatever policies say afterwards.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::reply::text;

/// A refund, routed to billing.
async fn refund(app: &TestApp) -> String {
    let received = app.tell(json!({ "id": "m-1", "author": "u-1", "text": "a refund, please" })).await;
    app.settle().await;
    app.conversation_of(&received)
}

async fn act(app: &TestApp, conversation: &str, verb: &str, body: Value) -> Value {
    app.post(&format!("/v1/conversations/{conversation}/{verb}"), body).await.ok()
}

async fn more(app: &TestApp, words: &str) {
    let author = json!({ "id": "u-1", "followers": 5_000_000 });
    app.tell(json!({ "in_reply_to": "m-1", "author": author, "text": words })).await;
    app.settle().await;
}

/// The verdicts of the latest decision on proposals of this kind.
async fn verdicts(app: &TestApp, conversation: &str, kind: &str) -> Vec<String> {
    let decision = app.decision(conversation).await;
    let contributions = decision["contributions"].as_array().unwrap();
    let proposals = contributions.iter().flat_map(|it| it["proposals"].as_array().unwrap());
    proposals.filter(|it| it["kind"] == kind).map(|it| text(it, "/verdict").to_owned()).collect()
}

#[tokio::test]
async fn a_hand_off_stands_against_what_policies_say_later() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    let hand_off =
        json!({ "agent": "ben", "to": { "department": "management" }, "summary": "wants the manager" });
    act(&app, &conversation, "hand-off", hand_off).await;
    more(&app, "the refund, now").await;
    assert_eq!(app.place(&conversation).await, "management/general");
    assert_eq!(verdicts(&app, &conversation, "destination").await, ["superseded-by-person"]);
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["notes"][0]["text"], "wants the manager");
    assert_eq!(shown["handed_over_count"], 1);
}

#[tokio::test]
async fn a_priority_that_a_person_set_is_not_raised_by_a_policy() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    act(&app, &conversation, "set", json!({ "agent": "ben", "priority": "low" })).await;
    more(&app, "I have five million followers").await;
    assert_eq!(app.conversation(&conversation).await["priority"], "low");
    assert_eq!(verdicts(&app, &conversation, "priority").await, ["superseded-by-person"]);
}

#[tokio::test]
async fn asked_again_the_policies_decide_anew_where_it_goes() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    act(&app, &conversation, "hand-off", json!({ "to": { "department": "management" } })).await;
    act(&app, &conversation, "ask-again", json!({})).await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    assert_eq!(app.decision(&conversation).await["event"]["kind"], "asked-by-hand");
}

#[tokio::test]
async fn a_conversation_that_an_agent_has_is_not_taken_from_the_agent() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    let claimed = act(&app, &conversation, "claim", json!({ "agent": "ben" })).await;
    assert_eq!(claimed["destination"]["assignee"], "ben");
    let second =
        app.post(&format!("/v1/conversations/{conversation}/claim"), json!({ "agent": "ada" })).await;
    assert!(text(&second.problem(409), "/detail").contains("ben"));
    more(&app, "a refund and a journalist").await;
    assert_eq!(app.conversation(&conversation).await["destination"]["assignee"], "ben");

    let taken = act(&app, &conversation, "claim", json!({ "agent": "ada", "claiming": "take_over" })).await;
    assert_eq!(taken["destination"]["assignee"], "ada");
    let released = act(&app, &conversation, "release", json!({ "agent": "ada" })).await;
    assert_eq!(released["destination"].get("assignee"), None);
}

#[tokio::test]
async fn an_escalation_goes_over_what_people_decided() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    act(&app, &conversation, "hand-off", json!({ "to": { "department": "management" } })).await;
    app.advance_ms(crate::support::HOUR_MS).await;
    assert_eq!(app.place(&conversation).await, "service/leads");
}

#[tokio::test]
async fn two_people_at_once_do_not_overwrite_each_other_unseen() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    let path = format!("/v1/conversations/{conversation}");
    let seen = app.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let set = async |priority: &str| {
        let headers = [("content-type", "application/json"), ("if-match", seen.as_str())];
        app.ask("POST", &format!("{path}/set"), &headers, json!({ "priority": priority }).to_string()).await
    };
    set("high").await.json(200);
    set("low").await.problem(412);
    assert_eq!(app.conversation(&conversation).await["priority"], "high");
}

#[tokio::test]
async fn a_conversation_whose_customer_waits_does_not_end_without_a_word() {
    let app = TestApp::staffed().await;
    let conversation = refund(&app).await;
    let close = app.post(&format!("/v1/conversations/{conversation}/close"), json!({ "agent": "ben" })).await;
    assert_eq!(close.pointers(), ["/disposition"]);
    let disposition = json!({ "theme": "late-refund", "disliked": "two weeks of silence" });
    act(&app, &conversation, "close", json!({ "agent": "ben", "disposition": disposition })).await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["disposition"]["theme"], "late-refund");
    assert_eq!(shown["waiting_since"], Value::Null);
}

#[tokio::test]
async fn hand_off_beyond_the_bound_is_refused_until_the_operator_had_it() {
    let app = TestApp::company().await;
    app.enable(word_to("billing-rules", "refund", "billing")).await;
    let conversation = refund(&app).await;
    let to = |department: &str| json!({ "to": { "department": department } });
    for round in 0..16 {
        let department = if round % 2 == 0 { "management" } else { "communications" };
        act(&app, &conversation, "hand-off", to(department)).await;
    }
    let path = format!("/v1/conversations/{conversation}/hand-off");
    app.post(&path, to("management")).await.problem(409);
    assert_eq!(app.place(&conversation).await, "communications/general");
    let operator = json!({ "to": { "department": "service", "queue": "operator" } });
    act(&app, &conversation, "hand-off", operator).await;
    act(&app, &conversation, "hand-off", to("management")).await;
    assert_eq!(app.place(&conversation).await, "management/general");
}
