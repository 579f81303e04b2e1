//! Requests that are sent again because their answer was not heard.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::{Reply, entries, text};

const DAY_MS: i64 = 24 * 3_600_000;

async fn post(app: &TestApp, key: &str, path: &str, body: &Value) -> Reply {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    app.ask("POST", path, &headers, body.to_string()).await
}

fn was_replayed(reply: &Reply) -> bool {
    reply.headers.get("idempotency-replayed").is_some_and(|it| it == "true")
}

#[tokio::test]
async fn what_is_asked_twice_with_one_key_is_done_once_and_answered_twice() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let path = format!("/v1/conversations/{conversation}/note");
    let note = json!({ "agent": "ada", "text": "a remark" });
    let first = post(&app, "k-1", &path, &note).await;
    let second = post(&app, "k-1", &path, &note).await;
    assert_eq!((first.json(200), was_replayed(&first)), (second.json(200), false));
    assert!(was_replayed(&second));
    assert_eq!(first.headers["etag"], second.headers["etag"]);
    let app = app.restart().await;
    assert!(was_replayed(&post(&app, "k-1", &path, &note).await), "a restart forgets nothing");
    assert_eq!(app.conversation(&conversation).await["notes"].as_array().unwrap().len(), 1);
    // Another key is another request.
    assert!(!was_replayed(&post(&app, "k-2", &path, &note).await));
    assert_eq!(app.conversation(&conversation).await["notes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let app = TestApp::company().await;
    post(&app, "k-1", "/v1/departments", &json!({ "name": "legal" })).await.json(201);
    let other_body = post(&app, "k-1", "/v1/departments", &json!({ "name": "sales" })).await;
    assert!(text(&other_body.problem(422), "/detail").contains("another request"));
    post(&app, "k-1", "/v1/agents", &json!({ "name": "eve", "department": "legal" })).await.problem(422);
    let names = app.get("/v1/departments").await.text();
    assert!(!names.contains("sales"), "{names}");
    // Another caller's key of the same name is another key.
    let token = app.token_for(json!({ "role": "admin" })).await;
    let request = http::Request::post("/v1/departments")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("idempotency-key", "k-1");
    let sales = json!({ "name": "sales" }).to_string();
    app.send(request.body(http_body_util::Full::from(sales)).unwrap()).await.json(201);
}

#[tokio::test]
async fn what_was_refused_may_be_asked_for_again() {
    let app = TestApp::company().await;
    let agent = json!({ "name": "eve", "department": "legal" });
    post(&app, "k-1", "/v1/agents", &agent).await.problem(422);
    app.post("/v1/departments", json!({ "name": "legal" })).await.json(201);
    let added = post(&app, "k-1", "/v1/agents", &agent).await;
    assert!(!was_replayed(&added));
    added.json(201);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let app = TestApp::company().await;
    let legal = json!({ "name": "legal" });
    post(&app, "k-1", "/v1/departments", &legal).await.json(201);
    app.clock.advance_ms(DAY_MS);
    assert!(was_replayed(&post(&app, "k-1", "/v1/departments", &legal).await));
    app.clock.advance_ms(1);
    post(&app, "k-1", "/v1/departments", &legal).await.problem(409);
}

#[tokio::test]
async fn two_at_once_are_one() {
    let app = TestApp::company().await;
    let token = json!({ "name": "legal" });
    let both =
        futures::future::join_all((0..8).map(async |_| post(&app, "k-1", "/v1/departments", &token).await));
    let both = both.await;
    let done = both.iter().filter(|it| it.status == 201 && !was_replayed(it)).count();
    assert_eq!(done, 1);
    for reply in both.iter().filter(|it| it.status != 201) {
        assert!(text(&reply.problem(409), "/remedy").contains("ask again"), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_secret_is_not_kept_to_be_shown_again() {
    let app = TestApp::company().await;
    let wanted = json!({ "role": "auditor" });
    let made = post(&app, "k-1", "/v1/tokens", &wanted).await.json(201);
    let again = post(&app, "k-1", "/v1/tokens", &wanted).await.problem(409);
    assert!(text(&again, "/detail").contains("shown once"), "{again}");
    let auditors = app.get("/v1/tokens").await.json(200);
    assert_eq!(entries(&auditors).iter().filter(|it| it["role"] == "auditor").count(), 1);
    // An inbox shows one only when it has just been made.
    let inbox = json!({ "name": "web", "department": "billing", "adapter": "cloudevents", "access": "open" });
    let first = post(&app, "k-2", "/v1/inboxes", &inbox).await.json(201);
    assert_eq!(post(&app, "k-2", "/v1/inboxes", &inbox).await.json(201), first);
    let guarded =
        json!({ "name": "shut", "department": "billing", "adapter": "cloudevents", "access": "token" });
    post(&app, "k-3", "/v1/inboxes", &guarded).await.json(201);
    post(&app, "k-3", "/v1/inboxes", &guarded).await.problem(409);
    let secret = text(&made, "/secret").to_owned();
    let (_folder, file) = app.stop().await;
    let kept = std::fs::read(file).unwrap();
    assert!(!kept.windows(secret.len()).any(|it| it == secret.as_bytes()), "it is in the file");
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let app = TestApp::company().await;
    for key in ["", " ", &"x".repeat(256)] {
        post(&app, key, "/v1/departments", &json!({ "name": "legal" })).await.problem(400);
    }
    app.get("/v1/departments/legal").await.problem(404);
}
