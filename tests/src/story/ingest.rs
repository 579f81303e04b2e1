//! Deliveries come in: taken, taken once, kept when they cannot be read, refused when they may not.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::guest::{Guest, TRAP};
use crate::support::reply::{entries, text};

async fn unparsed(app: &TestApp) -> Vec<Value> {
    entries(&app.get("/v1/deliveries?outcome=unparsed").await.json(200)).clone()
}

#[tokio::test]
async fn a_delivery_is_answered_with_its_items_and_kept_as_it_came() {
    let app = TestApp::company().await;
    let body = r#"{"id": "m-1", "author": "u-1",   "text": "Is the kettle back?"}"#;
    let received = app.deliver("chat", "application/json", body).await.json(202);
    assert_eq!(received["outcome"], "accepted");
    assert_eq!(received["items"].as_array().unwrap().len(), 1);

    let id = text(&received, "/delivery");
    let raw = app.get(&format!("/v1/deliveries/{id}/raw")).await;
    assert_eq!(raw.text(), body);
    let item = app.get(&format!("/v1/items/{}", text(&received, "/items/0/item"))).await.json(200);
    assert_eq!(item["delivery"], id);
    assert_eq!(item["text"], "Is the kettle back?");
}

#[tokio::test]
async fn the_same_item_twice_is_one_item() {
    let app = TestApp::company().await;
    let item = json!({ "id": "m-1", "author": "u-1", "text": "Hello?" });
    app.tell(item.clone()).await;
    let again = app.tell(item).await;
    assert_eq!(again["outcome"], "accepted");
    assert_eq!(again["duplicates"], 1);
    assert_eq!(again["items"], json!([]));
    let counts = app.get("/v1/counts").await.json(200);
    assert_eq!((&counts["items"], &counts["deliveries"]), (&json!(1), &json!(2)));
}

#[tokio::test]
async fn an_item_that_stands_twice_in_one_delivery_is_one_item() {
    let app = TestApp::company().await;
    let item = json!({ "id": "m-1", "author": "u-1", "text": "Hello?" });
    let received = app.tell(json!([item, item])).await;
    assert_eq!(received["items"].as_array().unwrap().len(), 1);
    assert_eq!(received["duplicates"], 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_shown_with_its_reason_and_can_be_tried_again() {
    let app = TestApp::company().await;
    let received = app.deliver("chat", "application/json", "{ broken").await.json(202);
    assert_eq!(received["outcome"], "unparsed");
    assert!(text(&received, "/reason").starts_with("malformed: "), "{received}");

    let listed = unparsed(&app).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["inbox_name"], "chat");
    let id = text(&received, "/delivery");
    assert_eq!(app.get(&format!("/v1/deliveries/{id}/raw")).await.text(), "{ broken");

    let again = app.post(&format!("/v1/deliveries/{id}/retry"), json!({})).await.json(200);
    assert_eq!(again["outcome"], "unparsed");
    assert_eq!(app.get(&format!("/v1/deliveries/{id}")).await.json(200)["attempts"], 2);
}

#[tokio::test]
async fn nothing_is_taken_by_halves() {
    let app = TestApp::company().await;
    let good = json!({ "author": "u-1", "text": "good" });
    let received = app.tell(json!([good, { "author": "u-1" }])).await;
    assert_eq!(received["outcome"], "unparsed");
    assert_eq!(app.get("/v1/counts").await.json(200)["items"], 0);
}

#[tokio::test]
async fn what_came_while_the_adapter_was_off_is_read_once_a_release_is_enabled() {
    let app = TestApp::company().await;
    app.patch("/v1/activations/cloudevents", json!({ "mode": "disabled" })).await.json(202);
    let received = app.tell(json!({ "author": "u-1", "text": "anybody there?" })).await;
    assert_eq!(received["outcome"], "unparsed");
    assert!(text(&received, "/reason").contains("not enabled"), "{received}");

    let version = app.get("/v1/activations/cloudevents").await.json(200)["version"].clone();
    let change = json!({ "mode": "active", "version": version });
    app.patch("/v1/activations/cloudevents", change).await.json(202);
    app.settle().await;
    assert_eq!(unparsed(&app).await, Vec::<Value>::new());
    let conversations = app.get("/v1/conversations?queue=service/operator").await.json(200);
    assert_eq!(entries(&conversations).len(), 1);
}

#[tokio::test]
async fn what_came_while_the_adapter_was_off_is_read_once_it_is_switched_on() {
    let app = TestApp::company().await;
    app.patch("/v1/activations/cloudevents", json!({ "mode": "disabled" })).await.json(202);
    app.tell(json!({ "author": "u-1", "text": "anybody there?" })).await;
    assert_eq!(unparsed(&app).await.len(), 1);
    app.patch("/v1/activations/cloudevents", json!({ "mode": "active" })).await.json(202);
    app.settle().await;
    assert_eq!(unparsed(&app).await, Vec::<Value>::new());
    assert_eq!(app.get("/v1/counts").await.json(200)["items"], 1);
}

#[tokio::test]
async fn an_adapter_that_traps_loses_nothing_and_its_next_release_reads_what_it_could_not() {
    let app = TestApp::company().await;
    app.upload(Guest::adapter("fragile", TRAP).component()).await.json(201);
    app.enable(json!({ "plugin": "fragile", "mode": "active" })).await;
    let inbox = json!({ "name": "odd", "department": "service", "adapter": "fragile", "access": "open" });
    app.post("/v1/inboxes", inbox).await.json(201);
    let received = app.deliver("odd", "text/plain", "whatever").await.json(202);
    assert!(text(&received, "/reason").starts_with("trap: "), "{received}");
    // The next call of another adapter is none the worse for it.
    assert_eq!(app.tell(json!({ "author": "u-1", "text": "hello" })).await["outcome"], "accepted");

    app.upload(Guest::adapter_that_reads("fragile").version("1.1.0").component()).await.json(201);
    app.patch("/v1/activations/fragile", json!({ "version": "1.1.0" })).await.json(202);
    app.settle().await;
    let delivery = app.get(&format!("/v1/deliveries/{}", text(&received, "/delivery"))).await.json(200);
    assert_eq!(delivery["outcome"], "accepted");
    assert_eq!(delivery["adapter"], "fragile@1.1.0");
}

#[tokio::test]
async fn an_inbox_with_a_token_takes_nothing_without_it() {
    let app = TestApp::company().await;
    let inbox =
        json!({ "name": "shop", "department": "service", "adapter": "cloudevents", "access": "token" });
    let token = text(&app.post("/v1/inboxes", inbox).await.json(201), "/token").to_owned();
    let deliver = async |header: Option<(&str, String)>| {
        let mut request = Request::post("/in/shop").header("content-type", "application/json");
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let body = json!({ "author": "u-1", "text": "let me in" }).to_string();
        app.send(request.body(Full::from(body)).unwrap()).await
    };
    deliver(None).await.problem(401);
    deliver(Some(("authorization", "Bearer sbt_guess".to_owned()))).await.problem(401);
    deliver(Some(("x-switchboard-token", app.token.clone()))).await.problem(401);
    deliver(Some(("authorization", format!("Bearer {token}")))).await.json(202);
    let received = deliver(Some(("x-switchboard-token", token.clone()))).await.json(202);

    let id = text(&received, "/delivery");
    let shown = app.get(&format!("/v1/deliveries/{id}")).await.text();
    assert!(!shown.contains(&token), "a kept delivery shows its token: {shown}");
}

#[tokio::test]
async fn a_closed_inbox_takes_nothing_and_says_how_to_open_it() {
    let app = TestApp::company().await;
    let inbox = json!({ "name": "later", "department": "service", "adapter": "cloudevents" });
    app.post("/v1/inboxes", inbox).await.json(201);
    let refused = app.deliver("later", "application/json", "{}").await.problem(403);
    assert!(text(&refused, "/detail").contains("PATCH /v1/inboxes/later"), "{refused}");
    assert_eq!(app.get("/v1/counts").await.json(200)["deliveries"], 0);
}

#[tokio::test]
async fn an_unknown_inbox_is_answered_with_where_they_are_listed() {
    let app = TestApp::company().await;
    let refused = app.deliver("cat", "application/json", "{}").await.problem(404);
    insta::assert_snapshot!(
        text(&refused, "/detail"),
        @"there is no inbox `cat`; GET /v1/inboxes lists what there is, to whoever has a token"
    );
}

#[tokio::test]
async fn a_delivery_of_more_than_sixteen_mebibytes_is_refused_and_not_kept() {
    let app = TestApp::company().await;
    let body = vec![b' '; 16 * 1024 * 1024 + 1];
    app.deliver("chat", "application/json", body).await.problem(413);
    assert_eq!(app.get("/v1/counts").await.json(200)["deliveries"], 0);
}

#[tokio::test]
async fn a_delivery_that_was_read_cannot_be_retried() {
    let app = TestApp::company().await;
    let received = app.tell(json!({ "author": "u-1", "text": "hello" })).await;
    let id = text(&received, "/delivery");
    app.post(&format!("/v1/deliveries/{id}/retry"), json!({})).await.problem(409);
}

#[tokio::test]
async fn many_deliveries_at_once_are_all_stored_once() {
    let app = TestApp::company().await;
    let tell = |number: usize| app.tell(json!({ "id": number, "author": "u-1", "text": "burst" }));
    let mut told = Vec::new();
    for number in 0..100 {
        // Every number twice, at the same time.
        told.push(tell(number));
        told.push(tell(number));
    }
    let mut new = 0;
    for received in futures::future::join_all(told).await {
        new += received["items"].as_array().unwrap().len();
    }
    assert_eq!(new, 100);
    assert_eq!(app.get("/v1/counts").await.json(200)["items"], 100);
}
