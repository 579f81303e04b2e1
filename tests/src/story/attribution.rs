//! A policy's failures count against the party whose input caused them.

use serde_json::{Value, json};

use crate::support::guest::Guest;
use crate::support::reply::text;
use crate::support::{TestApp, samples};

/// Traps on items whose id begins with `x`: the argument's record has a pointer to the id at 48.
const TRAP_ON_X: &str = "(if (i32.eq (i32.load8_u (i32.load offset=48 (local.get 0))) (i32.const 120))
    (then unreachable)) i32.const 512";

const TRIAL_MS: i64 = 30_000;

/// A company with a policy that fails on some input, and has succeeded on other input before.
async fn with_moody() -> TestApp {
    let app = TestApp::staffed().await;
    app.upload(Guest::policy("moody", TRAP_ON_X).component()).await.json(201);
    app.enable(json!({ "plugin": "moody", "phase": "qualify", "mode": "active" })).await;
    assert_eq!(say(&app, "a-0", "ada").await, "");
    app
}

/// How the policy failed on an item of this id and author in the inbox `chat`, if it did.
async fn say(app: &TestApp, id: &str, author: &str) -> String {
    let received = app.tell(json!({ "id": id, "author": author, "text": "a refund, please" })).await;
    app.settle().await;
    failure_of(&app.decision(&app.conversation_of(&received)).await)["name"].as_str().unwrap_or("").to_owned()
}

fn failure_of(decision: &Value) -> Value {
    let contributions = decision["contributions"].as_array().unwrap();
    contributions.iter().find(|it| it["name"] == "moody").unwrap()["failure"].clone()
}

async fn suspensions(app: &TestApp) -> Vec<Value> {
    let shown = app.get("/v1/activations/moody").await.json(200);
    shown["suspensions"].as_array().cloned().unwrap_or_default()
}

fn scopes(suspensions: &[Value]) -> Vec<&str> {
    suspensions.iter().map(|it| text(it, "/scope")).collect()
}

#[tokio::test]
async fn poison_of_invented_senders_suspends_a_policy_for_that_inbox_alone() {
    let app = with_moody().await;
    for number in 0..5 {
        assert_eq!(say(&app, &format!("x-{number}"), &format!("invented-{number}")).await, "trap");
    }
    let shown = app.get("/v1/activations/moody").await.json(200);
    assert_eq!(shown["suspended"], false, "{shown}");
    let suspended = &shown["suspensions"].as_array().unwrap()[..];
    assert_eq!(scopes(suspended), ["inbox"]);
    assert_eq!(
        (&suspended[0]["inbox_name"], &suspended[0]["department_name"], &suspended[0]["failure"]),
        (&json!("chat"), &json!("service"), &json!("trap"))
    );
    app.get(&format!("/v1/items/{}", text(&suspended[0], "/item"))).await.json(200);

    assert_eq!(say(&app, "a-1", "ada").await, "suspended");
    let mail = samples::mail("m-1", "Kettle", "it leaks");
    let received = app.deliver("mail", "message/rfc822", mail).await.json(202);
    app.settle().await;
    let decision = app.decision(&app.conversation_of(&received)).await;
    assert_eq!(failure_of(&decision), Value::Null, "another inbox of the department has it");

    let metrics = app.get("/metrics").await.text();
    let counter = r#"suspensions_total{activation="moody",cause="in-a-row",scope="inbox"} 1"#;
    assert!(metrics.contains(counter), "{metrics}");
}

#[tokio::test]
async fn poison_of_one_sender_suspends_a_policy_for_that_sender_alone() {
    let app = with_moody().await;
    for number in 0..5 {
        assert_eq!(say(&app, &format!("x-{number}"), "eve").await, "trap");
    }
    assert_eq!(scopes(&suspensions(&app).await), ["sender"]);
    assert_eq!(say(&app, "a-1", "eve").await, "suspended");
    assert_eq!(say(&app, "a-2", "ada").await, "");
}

#[tokio::test]
async fn suspended_scope_is_tried_again_by_itself() {
    let app = with_moody().await;
    for number in 0..5 {
        say(&app, &format!("x-{number}"), "eve").await;
    }
    app.advance_ms(TRIAL_MS).await;
    assert_eq!(say(&app, "x-5", "eve").await, "trap", "it is called on trial");
    assert_eq!(say(&app, "a-1", "eve").await, "suspended", "the trial failed");
    app.advance_ms(TRIAL_MS).await;
    assert_eq!(say(&app, "a-2", "eve").await, "suspended", "it waits twice as long");
    app.advance_ms(TRIAL_MS).await;
    assert_eq!(say(&app, "a-3", "eve").await, "");
    assert!(suspensions(&app).await.is_empty());
}

#[tokio::test]
async fn admin_ends_suspensions_by_setting_the_mode() {
    let app = with_moody().await;
    for number in 0..5 {
        say(&app, &format!("x-{number}"), "eve").await;
    }
    app.patch("/v1/activations/moody", json!({ "mode": "active" })).await.json(202);
    assert!(suspensions(&app).await.is_empty());
    assert_eq!(say(&app, "a-1", "eve").await, "");
}

#[tokio::test]
async fn decision_says_for_whom_a_policy_is_suspended() {
    let app = with_moody().await;
    for number in 0..5 {
        say(&app, &format!("x-{number}"), &format!("invented-{number}")).await;
    }
    let received = app.tell(json!({ "id": "a-1", "author": "ada", "text": "hello" })).await;
    app.settle().await;
    let failure = failure_of(&app.decision(&app.conversation_of(&received)).await);
    assert!(text(&failure, "/detail").contains("the inbox `chat`"), "{failure}");
}

#[tokio::test]
async fn department_sees_no_suspension_of_another_departments_scope() {
    let app = with_moody().await;
    for number in 0..5 {
        say(&app, &format!("x-{number}"), "eve").await;
    }
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let shown = app.ask_as(&token, "GET", "/v1/activations", None).await.json(200);
    let entries = shown["entries"].as_array().unwrap();
    let moody = entries.iter().find(|it| it["name"] == "moody");
    assert!(moody.is_none_or(|it| it.get("suspensions").is_none()), "{moody:?}");
}

#[tokio::test]
async fn policy_without_an_earlier_version_is_tried_again_by_itself() {
    let app = TestApp::staffed().await;
    // It fails on everything before a moment, which the case's `now` at 40 says.
    let works_from = app.flow().now().as_ms() + TRIAL_MS / 2;
    let body = format!(
        "(if (i64.lt_s (i64.load offset=40 (local.get 0)) (i64.const {works_from})) (then unreachable))
         i32.const 512"
    );
    app.upload(Guest::policy("moody", &body).component()).await.json(201);
    app.enable(json!({ "plugin": "moody", "phase": "qualify", "mode": "active" })).await;
    for number in 0..5 {
        assert_eq!(say(&app, &format!("a-{number}"), "ada").await, "trap");
    }
    let shown = app.get("/v1/activations/moody").await.json(200);
    assert_eq!(shown["suspended"], true, "{shown}");
    let app = app.restart_without_compiler().await;
    assert_eq!(say(&app, "b-0", "ada").await, "suspended", "a restart forgets nothing");
    app.advance_ms(TRIAL_MS).await;
    assert_eq!(say(&app, "b-1", "ada").await, "");
    let shown = app.get("/v1/activations/moody").await.json(200);
    assert_eq!((&shown["suspended"], shown.get("suspension")), (&json!(false), None), "{shown}");
    let audit = app.get("/v1/audit").await.json(200);
    let actions: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|it| text(it, "/action")).collect();
    assert!(actions.contains(&"activation.resume"), "{actions:?}");
}
