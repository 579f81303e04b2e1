//! Events and plain JSON items.

use serde_json::{Value, json};

use crate::support::reply::text;
use crate::support::samples::event;
use crate::support::{Reply, TestApp};

const EVENT: &str = "application/cloudevents+json";

async fn structured(app: &TestApp, event: Value) -> Value {
    app.deliver("chat", EVENT, event.to_string()).await.json(202)
}

/// The item of a delivery that brought one.
async fn item(app: &TestApp, received: &Value) -> Value {
    app.get(&format!("/v1/items/{}", text(received, "/items/0/item"))).await.json(200)
}

#[tokio::test]
async fn an_event_in_structured_mode_is_an_item() {
    let app = TestApp::company().await;
    let data =
        json!({ "id": "42", "kind": "review", "visibility": "public", "author": "u-1", "text": "Nice." });
    let received = structured(&app, event("e-1", "com.example.review", data)).await;
    let item = item(&app, &received).await;
    assert_eq!(item["external_id"], "https://shop.example.com 42");
    assert_eq!((&item["kind"], &item["visibility"]), (&json!("review"), &json!("public")));
}

#[tokio::test]
async fn an_event_in_binary_mode_is_an_item() {
    let app = TestApp::company().await;
    let headers = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "e-1"),
        ("ce-source", "https://shop.example.com"),
        ("ce-type", "com.example.message"),
        ("ce-time", "2026-03-02T08:00:00Z"),
    ];
    let body = json!({ "author": "u-1", "text": "in binary" }).to_string();
    let received = app.ask("POST", "/in/chat", &headers, body).await.json(202);
    let item = item(&app, &received).await;
    assert_eq!(item["external_id"], "https://shop.example.com e-1");
    assert_eq!(item["occurred_at"], "2026-03-02T08:00:00.000Z");
}

#[tokio::test]
async fn a_batch_of_events_is_taken_as_one() {
    let app = TestApp::company().await;
    let said = |id: &str| event(id, "com.example.message", json!({ "author": "u-1", "text": id }));
    let batch = json!([said("e-1"), said("e-2"), said("e-1")]).to_string();
    let received = app.deliver("chat", "application/cloudevents-batch+json", batch).await.json(202);
    assert_eq!(received["items"].as_array().unwrap().len(), 2);
    assert_eq!(received["duplicates"], 1);
}

#[tokio::test]
async fn a_plain_item_without_an_id_is_still_taken_once() {
    let app = TestApp::company().await;
    let plain = json!({ "author": "u-1", "text": "no id" });
    assert_eq!(app.tell(plain.clone()).await["duplicates"], 0);
    assert_eq!(app.tell(plain).await["duplicates"], 1);
}

#[tokio::test]
async fn an_edit_changes_the_item_and_asks_the_policies_again() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let said = event("e-1", "com.example.message", json!({ "id": "7", "author": "u-1", "text": "a teapot" }));
    let received = structured(&app, said).await;
    let conversation = app.conversation_of(&received);
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/operator");

    let edit = event("e-2", "org.switchboard.edit", json!({ "id": "7", "text": "a refund for a teapot" }));
    assert_eq!(structured(&app, edit).await["changes"], 1);
    app.settle().await;
    let item = item(&app, &received).await;
    assert_eq!((&item["text"], &item["revision"]), (&json!("a refund for a teapot"), &json!(2)));
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    assert_eq!(app.decision(&conversation).await["event"]["kind"], "item-edited");
}

#[tokio::test]
async fn a_deletion_is_noted_and_one_of_an_unknown_item_does_no_harm() {
    let app = TestApp::company().await;
    app.vouch().await;
    let said = event("e-1", "com.example.message", json!({ "id": "7", "author": "u-1", "text": "oops" }));
    let received = structured(&app, said).await;
    let deletion = |id: &str| event(&format!("d-{id}"), "org.switchboard.deletion", json!({ "id": id }));
    assert_eq!(structured(&app, deletion("7")).await["changes"], 1);
    assert_eq!(structured(&app, deletion("8")).await["unknown"], 1);
    assert!(item(&app, &received).await["deleted_at"].is_string());
}

#[tokio::test]
async fn the_companys_own_words_are_kept_and_never_routed() {
    let app = TestApp::staffed().await;
    app.vouch().await;
    let said = event("e-1", "com.example.message", json!({ "id": "7", "author": "u-1", "text": "hello" }));
    let conversation = app.conversation_of(&structured(&app, said).await);
    app.settle().await;
    let echo = json!({ "id": "8", "in_reply_to": "7", "author": "us", "text": "a refund, gladly" });
    structured(&app, event("e-2", "org.switchboard.echo", echo)).await;
    app.settle().await;
    let shown = app.conversation(&conversation).await;
    assert_eq!(shown["items"]["entries"][1]["direction"], "outbound");
    assert_eq!(app.decisions(&conversation).await.len(), 1);
    assert_eq!(app.place(&conversation).await, "service/operator");
}

#[tokio::test]
async fn of_an_open_inbox_only_items_are_believed() {
    let app = TestApp::staffed().await;
    let said = event("e-1", "com.example.message", json!({ "id": "7", "author": "u-1", "text": "hello" }));
    let received = structured(&app, said).await;
    let conversation = app.conversation_of(&received);
    let edit = event("e-2", "org.switchboard.edit", json!({ "id": "7", "text": "a refund" }));
    let deletion = event("e-3", "org.switchboard.deletion", json!({ "id": "7" }));
    for change in [edit, deletion] {
        assert_eq!(structured(&app, change).await["unknown"], 1);
    }
    let shown = item(&app, &received).await;
    assert_eq!((&shown["text"], &shown["deleted_at"]), (&json!("hello"), &Value::Null));
    let echo = json!({ "id": "8", "in_reply_to": "7", "author": "us", "text": "we have paid you" });
    let echoed = structured(&app, event("e-4", "org.switchboard.echo", echo)).await;
    let forged = app.conversation_of(&echoed);
    assert_ne!(forged, conversation);
    assert_eq!(app.conversation(&forged).await["items"]["entries"][0]["direction"], "inbound");
    assert!(app.conversation(&conversation).await["waiting_since"].is_string());
}

#[tokio::test]
async fn news_of_an_answer_finds_it() {
    let app = TestApp::company().await;
    app.vouch().await;
    let said = event("e-1", "com.example.message", json!({ "id": "7", "author": "u-1", "text": "hello" }));
    let conversation = app.conversation_of(&structured(&app, said).await);
    app.settle().await;
    let reply = json!({ "agent": "ada", "text": "good morning" });
    app.post(&format!("/v1/conversations/{conversation}/reply"), reply).await.json(202);
    app.egress.answer(200, r#"{"id": "r-1"}"#);
    app.settle().await;
    let status = event("e-2", "org.switchboard.status", json!({ "id": "r-1", "state": "read" }));
    assert_eq!(structured(&app, status).await["changes"], 1);
}

#[tokio::test]
async fn what_is_wrong_is_named_by_field() {
    let app = TestApp::company().await;
    let refused = app.tell(json!({ "author": { "id": "u-1", "followers": "many" }, "text": "hi" })).await;
    assert!(text(&refused, "/reason").contains("author.followers"), "{refused}");
    let old = json!({ "specversion": "0.3", "id": "1", "source": "x", "type": "y" });
    let refused = structured(&app, old).await;
    assert!(text(&refused, "/reason").starts_with("unsupported: "), "{refused}");
}

#[tokio::test]
async fn a_web_hooks_handshake_is_answered_by_the_adapter_or_kept() {
    let app = TestApp::company().await;
    let answer: Reply =
        app.ask("OPTIONS", "/in/chat", &[("webhook-request-origin", "example.com")], "").await;
    assert!(answer.status.is_success(), "{}", answer.text());
}
