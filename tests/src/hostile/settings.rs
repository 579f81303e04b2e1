//! Schemas and settings that take more to check than there is: time, stack, memory. Departments write both.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::aftermath::goes_on;
use crate::support::TestApp;
use crate::support::company::router;
use crate::support::guest::{DONE, Guest};
use crate::support::reply::text;

/// A schema of so many links, each made of the reference to the next; the last is `end`.
fn chain(links: usize, link: impl Fn(Value) -> Value, end: Value) -> Value {
    let mut definitions = Map::new();
    for number in 0..links {
        let next = json!({ "$ref": format!("#/$defs/{}", number + 1) });
        definitions.insert(number.to_string(), link(next));
    }
    definitions.insert(links.to_string(), end);
    json!({ "$defs": definitions, "$ref": "#/$defs/0" })
}

/// Twice as many steps with each link.
fn doubling(links: usize) -> Value {
    chain(links, |next| json!({ "if": next, "else": next }), json!({ "type": "string" }))
}

/// One level deeper with each link.
fn deepening(links: usize) -> Value {
    chain(links, |next| json!({ "anyOf": [false, next] }), json!({ "type": "string" }))
}

/// The same, where each level also looks at what the levels below have looked at.
fn unevaluated(links: usize) -> Value {
    let link = |next: Value| json!({ "unevaluatedProperties": false, "$ref": next["$ref"] });
    chain(links, link, json!({ "type": "object" }))
}

/// Two alternatives with each link, both of which lead to the next.
fn branching(links: usize) -> Value {
    chain(links, |next| json!({ "oneOf": [next, { "not": next }] }), json!({ "type": "string" }))
}

/// The same schema for the setting `x` alone, so that it takes nothing to check empty settings.
fn behind_x(schema: &Value) -> Value {
    json!({ "$defs": schema["$defs"], "properties": { "x": { "$ref": schema["$ref"] } } })
}

fn is_too_costly(problem: &Value) {
    assert_eq!(problem["name"], "settings-too-costly", "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "/settings", "{problem}");
    assert!(text(problem, "/remedy").contains("simpler"), "{problem}");
}

#[tokio::test]
async fn costly_schema_is_refused_when_it_is_published() {
    let app = TestApp::company().await;
    for schema in [unevaluated(800), deepening(5_313), doubling(40), branching(40)] {
        let guest = Guest::policy("costly", DONE).with_schema(&schema);
        let problem = app.upload(guest.component()).await.problem(422);
        assert_eq!(problem["name"], "schema-too-costly", "{problem}");
        assert!(text(&problem, "/remedy").contains("simpler"), "{problem}");
    }
    app.get("/v1/plugins/costly").await.problem(404);
    goes_on(&app).await;
}

#[tokio::test]
async fn schema_that_is_none_is_refused_when_it_is_published() {
    let app = TestApp::company().await;
    for schema in [json!({ "type": 5 }), json!({ "$ref": "https://example.com/schema.json" }), json!([])] {
        let guest = Guest::policy("wrong", DONE).with_schema(&schema);
        let problem = app.upload(guest.component()).await.problem(422);
        assert_eq!(problem["name"], "bad-manifest", "{problem}");
        assert!(text(&problem, "/detail").contains("settings-schema"), "{problem}");
    }
}

#[tokio::test]
async fn settings_too_costly_to_check_are_refused_by_name() {
    let app = TestApp::company().await;
    for (name, schema) in [("doubling", doubling(40)), ("branching", branching(40))] {
        app.upload(Guest::policy(name, DONE).with_schema(&behind_x(&schema)).component()).await.json(201);
        let settings = json!({ "x": 1 });
        let costly = json!({ "plugin": name, "settings": settings });
        is_too_costly(&app.post("/v1/activations", costly).await.problem(422));
        app.enable(json!({ "plugin": name, "mode": "active" })).await;
        let path = format!("/v1/activations/{name}");
        is_too_costly(&app.patch(&path, json!({ "settings": settings })).await.problem(422));
    }
    goes_on(&app).await;
}

#[tokio::test]
async fn inbox_settings_too_costly_to_check_are_refused_by_name() {
    let app = TestApp::company().await;
    let guest = Guest::adapter("costly", DONE).with_schema(&behind_x(&doubling(40)));
    app.upload(guest.component()).await.json(201);
    app.enable(json!({ "plugin": "costly", "mode": "active" })).await;
    let inbox = |settings: Value| json!({ "name": "web", "department": "service", "adapter": "costly", "settings": settings });
    is_too_costly(&app.post("/v1/inboxes", inbox(json!({ "x": 1 }))).await.problem(422));
    app.post("/v1/inboxes", inbox(json!({}))).await.json(201);
    is_too_costly(&app.patch("/v1/inboxes/web", json!({ "settings": { "x": 1 } })).await.problem(422));
    goes_on(&app).await;
}

#[tokio::test]
async fn settings_with_very_many_errors_get_the_first() {
    let app = TestApp::company().await;
    let many = json!({ "plugin": "keyword-router", "settings": { "rules": vec![1; 400_000] } });
    let problem = app.post("/v1/activations", many).await.problem(422);
    assert_eq!(problem["errors"].as_array().unwrap().len(), 1);
    assert_eq!(problem["errors"][0]["pointer"], "/settings/rules", "there are too many of them");
}

/// How many costly checks a department asks for at once: more than may be at work and wait.
const FLOOD: usize = 14;

/// Asks for costly checks as this token; how many were refused because as many wait as may.
async fn flood(app: &TestApp, token: &str, done: &AtomicUsize) -> usize {
    let asked = (0..FLOOD).map(async |_| {
        let costly = json!({ "plugin": "costly", "settings": { "x": 1 } });
        let reply = app.ask_as(token, "POST", "/v1/activations", Some(&costly)).await;
        done.fetch_add(1, Ordering::Relaxed);
        match reply.status.as_u16() {
            429 => 1,
            _ => {
                is_too_costly(&reply.problem(422));
                0
            }
        }
    });
    futures::future::join_all(asked).await.into_iter().sum()
}

#[tokio::test]
async fn costly_checks_of_one_department_do_not_delay_another() {
    let app = TestApp::company().await;
    let guest = Guest::policy("costly", DONE).with_schema(&behind_x(&doubling(40)));
    app.upload(guest.component()).await.json(201);
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let done = AtomicUsize::new(0);
    let others = async {
        // Those that find no room are refused at once.
        while done.load(Ordering::Relaxed) < FLOOD - 10 {
            tokio::task::yield_now().await;
        }
        app.post("/v1/activations", router()).await.json(202);
        done.load(Ordering::Relaxed)
    };
    let (refused, before) = tokio::join!(flood(&app, &token, &done), others);
    assert_eq!(refused, FLOOD - 10, "two are at work and eight wait");
    assert!(before < FLOOD, "the flood was over before another department was served");
    goes_on(&app).await;
}
