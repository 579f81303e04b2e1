//! Tokens: made, shown once, confined, limited, revoked.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use switchboard::flow::organise;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::reply::{Reply, entries, text};

async fn deliver_with(app: &TestApp, inbox: &str, token: &str, body: &'static str) -> Reply {
    let request = Request::post(format!("/in/{inbox}"))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"));
    app.send(request.body(Full::new(Bytes::from(body))).unwrap()).await
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_digest() {
    let app = TestApp::company().await;
    let made =
        app.post("/v1/tokens", json!({ "role": "auditor", "title": "the yearly look" })).await.json(201);
    let secret = text(&made, "/secret").to_owned();
    assert_eq!(secret.len(), 4 + 64, "256 bits in hexadecimal");
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(made, { ".id" => "[id]", ".secret" => "[secret]" }, @r#"
        {
          "allowance": {},
          "created_at": "2026-03-02T09:00:00.000Z",
          "expires_at": "2026-05-31T09:00:00.000Z",
          "id": "[id]",
          "role": "auditor",
          "secret": "[secret]",
          "title": "the yearly look"
        }
        "#);
    });
    let me = app.ask_as(&secret, "GET", "/v1/me", None).await.json(200);
    assert_eq!((&me["kind"], &me["token"]), (&json!("auditor"), &made["id"]));
    let id = text(&made, "/id");
    for path in ["/v1/tokens".to_owned(), format!("/v1/tokens/{id}"), "/v1/audit".to_owned()] {
        let shown = app.get(&path).await.text();
        assert!(shown.contains(id), "{path}: {shown}");
        assert!(!shown.contains(&secret) && !shown.contains("sha256"), "{path}: {shown}");
    }
    let (_folder, file) = app.stop().await;
    let kept = std::fs::read(file).unwrap();
    assert!(!kept.windows(secret.len()).any(|it| it == secret.as_bytes()), "it is in the file");
}

#[tokio::test]
async fn what_was_done_is_recorded_with_the_token() {
    let app = TestApp::company().await;
    let made = app.post("/v1/tokens", json!({ "role": "admin" })).await.json(201);
    let body = json!({ "name": "legal" });
    app.ask_as(text(&made, "/secret"), "POST", "/v1/departments", Some(&body)).await.json(201);
    let log = app.get("/v1/audit?limit=1").await.json(200);
    assert_eq!(log["entries"][0]["action"], "department.add");
    assert_eq!(log["entries"][0]["principal"]["token"], made["id"]);
}

#[tokio::test]
async fn a_token_that_makes_no_sense_is_refused_at_its_place() {
    let app = TestApp::company().await;
    for (wanted, pointer) in [
        (json!({ "role": "agent" }), "/agent"),
        (json!({ "role": "agent", "agent": "nobody" }), "/agent"),
        (json!({ "role": "admin", "agent": "ada" }), "/agent"),
        (json!({ "role": "agent", "agent": "ada", "department": "billing" }), "/department"),
        (json!({ "role": "author" }), "/department"),
        (json!({ "role": "auditor", "department": "astrology" }), "/department"),
        (json!({ "role": "auditor", "expires_in_days": 0 }), "/expires_in_days"),
        (json!({ "role": "auditor", "expires_in_days": 367 }), "/expires_in_days"),
        (
            json!({ "role": "auditor", "allowance": { "requests_per_second": 0 } }),
            "/allowance/requests_per_second",
        ),
        (json!({ "role": "auditor", "sha256": "x" }), "/sha256"),
    ] {
        assert_eq!(app.post("/v1/tokens", wanted.clone()).await.pointers(), [pointer], "{wanted}");
    }
}

#[tokio::test]
async fn revoking_counts_from_the_next_request_on_and_survives_a_restart() {
    let app = TestApp::company().await;
    let made = app.post("/v1/tokens", json!({ "role": "service" })).await.json(201);
    let secret = text(&made, "/secret").to_owned();
    app.ask_as(&secret, "GET", "/v1/conversations", None).await.json(200);
    let revoke = format!("/v1/tokens/{}/revoke", text(&made, "/id"));
    let revoked = app.post(&revoke, json!({})).await.json(200);
    assert_eq!(app.post(&revoke, json!({})).await.json(200), revoked, "revoking again changes nothing");
    app.ask_as(&secret, "GET", "/v1/conversations", None).await.problem(401);
    let app = app.restart().await;
    app.ask_as(&secret, "GET", "/v1/conversations", None).await.problem(401);
}

#[tokio::test]
async fn the_first_admins_token_is_replaced_by_one_that_expires() {
    let app = TestApp::empty().await;
    let first = app.get("/v1/tokens").await.json(200)["entries"][0].clone();
    assert_eq!((text(&first, "/role"), first.get("expires_at")), ("admin", None), "{first}");
    let other = app.token_for(json!({ "role": "admin", "expires_in_days": 30 })).await;
    let revoke = format!("/v1/tokens/{}/revoke", text(&first, "/id"));
    app.ask_as(&other, "POST", &revoke, Some(&json!({}))).await.json(200);
    app.get("/v1/tokens").await.problem(401);
    let app = app.restart().await;
    assert_eq!(organise::ensure_admin_token(app.flow()).await.unwrap(), None, "a start makes no other one");
    app.get("/v1/tokens").await.problem(401);
    app.ask_as(&other, "GET", "/v1/tokens", None).await.json(200);
}

#[tokio::test]
async fn an_agent_acts_as_itself_alone() {
    let app = TestApp::staffed().await;
    let conversation = app.say("hello there").await;
    app.settle().await;
    let ada = app.token_for(json!({ "role": "agent", "agent": "ada" })).await;
    let claim = format!("/v1/conversations/{conversation}/claim");
    app.ask_as(&ada, "POST", &claim, Some(&json!({ "agent": "cem" }))).await.problem(403);
    app.ask_as(&ada, "POST", &claim, Some(&json!({}))).await.json(200);
    let claimed = app.conversation(&conversation).await;
    assert_eq!(claimed["destination"]["assignee"], "ada");
}

#[tokio::test]
async fn a_conversation_handed_over_is_seen_by_whose_inbox_it_is_and_dealt_with_by_whose_turn_it_is() {
    let app = TestApp::staffed().await;
    let conversation = app.say("a refund, please").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "billing/refunds");
    let ada = app.token_for(json!({ "role": "agent", "agent": "ada" })).await;
    let ben = app.token_for(json!({ "role": "agent", "agent": "ben" })).await;
    let path = |verb: &str| format!("/v1/conversations/{conversation}/{verb}");
    let word = json!({ "text": "a word" });
    let refused = app.ask_as(&ada, "POST", &path("reply"), Some(&word)).await.problem(403);
    assert!(text(&refused, "/detail").contains("billing"), "{refused}");
    app.ask_as(&ada, "POST", &path("note"), Some(&word)).await.json(200);
    let to_service = json!({ "to": { "department": "service", "queue": "leads" } });
    app.ask_as(&ben, "POST", &path("hand-off"), Some(&to_service)).await.json(200);
    let show = format!("/v1/conversations/{conversation}");
    app.ask_as(&ben, "GET", &show, None).await.problem(404);
    app.ask_as(&ada, "POST", &path("reply"), Some(&word)).await.json(202);
}

#[tokio::test]
async fn a_departments_admin_rules_the_department_and_nothing_else() {
    let app = TestApp::company().await;
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let post = async |path: &str, body: Value| app.ask_as(&token, "POST", path, Some(&body)).await;
    post("/v1/departments", json!({ "name": "legal" })).await.problem(403);
    post("/v1/agents", json!({ "name": "eve", "department": "service" })).await.problem(403);
    post("/v1/agents", json!({ "name": "eve", "department": "billing" })).await.json(201);
    post("/v1/queues", json!({ "name": "vip", "department": "billing" })).await.json(201);
    post("/v1/tokens", json!({ "role": "admin", "department": "service" })).await.problem(403);
    let made = post("/v1/tokens", json!({ "role": "admin" })).await.json(201);
    assert_eq!(made["department_name"], "billing", "it cannot give away more than it has");
    let inbox = json!({ "name": "bills", "department": "billing", "adapter": "cloudevents" });
    post("/v1/inboxes", inbox.clone()).await.json(201);
    let elsewhere = json!({ "name": "more", "operator_queue": "service/leads" });
    assert_eq!(post("/v1/inboxes", merged(&inbox, elsewhere)).await.pointers(), ["/operator_queue"]);
    // Who writes on a channel is known to all who have an inbox on it.
    let theirs = json!({ "name": "more", "channel": "email" });
    assert_eq!(post("/v1/inboxes", merged(&inbox, theirs)).await.pointers(), ["/channel"]);
    let refused = post("/v1/activations", json!({ "plugin": "cloudevents" })).await.problem(403);
    assert!(!refused.to_string().contains("enabled already"), "{refused}");
    let inward = json!({ "name": "more", "reply_hosts": ["localhost:22"] });
    assert_eq!(post("/v1/inboxes", merged(&inbox, inward)).await.pointers(), ["/reply_hosts"]);
}

#[tokio::test]
async fn a_departments_admin_enables_rules_for_the_department_alone() {
    let app = TestApp::company().await;
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let enable = async |more: Value| {
        let rule = merged(&word_to("money", "invoice", "billing"), more);
        app.ask_as(&token, "POST", "/v1/activations", Some(&rule)).await
    };
    assert_eq!(enable(json!({})).await.pointers(), ["/reach"]);
    let own = json!({ "reach": "own-department" });
    assert_eq!(enable(merged(&own, json!({ "owner": "service" }))).await.pointers(), ["/owner"]);
    let mail = json!({ "applies_to": { "inboxes": ["mail"] } });
    assert_eq!(enable(merged(&own, mail)).await.pointers(), ["/applies_to/inboxes/0"]);
    let service = json!({ "applies_to": { "departments": ["service"] } });
    assert_eq!(enable(merged(&own, service)).await.pointers(), ["/applies_to/departments/0"]);
    let enabled = enable(own).await.json(202);
    assert_eq!(enabled["owner_name"], "billing");
    assert_eq!(enabled["applies_to"]["departments"], json!(["billing"]));
    app.prepared().await;
    let widen = json!({ "reach": "anywhere" });
    let refused = app.ask_as(&token, "PATCH", "/v1/activations/money", Some(&widen)).await;
    assert_eq!(refused.pointers(), ["/reach"]);
    let off = json!({ "mode": "disabled" });
    app.ask_as(&token, "PATCH", "/v1/activations/feed", Some(&off)).await.problem(404);
}

#[tokio::test]
async fn a_token_asks_as_often_as_it_may_and_hears_when_to_come_back() {
    let app = TestApp::company().await;
    let allowance = json!({ "requests_per_second": 2, "body_bytes": 100 });
    let token = app.token_for(json!({ "role": "admin", "allowance": allowance.clone() })).await;
    let ask = async || app.ask_as(&token, "GET", "/v1/me", None).await;
    ask().await.json(200);
    ask().await.json(200);
    let refused = ask().await;
    refused.problem(429);
    assert_eq!(refused.headers["retry-after"], "1");
    app.get("/v1/me").await.json(200);
    app.clock.advance_ms(500);
    ask().await.json(200);
    app.clock.advance_ms(1_000);
    let heir = app.ask_as(&token, "POST", "/v1/tokens", Some(&json!({ "role": "admin" }))).await.json(201);
    assert_eq!(heir["allowance"], allowance, "no token makes a wider one");
    let large = json!({ "name": "legal", "title": "x".repeat(100) });
    app.ask_as(&token, "POST", "/v1/departments", Some(&large)).await.problem(413);
}

#[tokio::test]
async fn an_inbox_takes_as_much_as_it_may_and_loses_nothing_it_took() {
    let app = TestApp::company().await;
    let allowance = json!({ "allowance": { "requests_per_second": 3, "body_bytes": 60 } });
    app.patch("/v1/inboxes/chat", allowance).await.json(200);
    let item = |number: usize| json!({ "id": format!("n{number}"), "author": "u", "text": "hi" }).to_string();
    let mut taken = 0;
    for number in 0..10 {
        let answer = app.deliver("chat", "application/json", item(number)).await;
        match answer.status.as_u16() {
            202 => taken += 1,
            429 => assert_eq!(answer.headers["retry-after"], "1"),
            other => panic!("{other}: {}", answer.text()),
        }
    }
    assert_eq!(taken, 3);
    app.clock.advance_ms(1_000);
    app.deliver("chat", "application/json", " ".repeat(61)).await.problem(413);
    let list = app.get("/v1/deliveries").await.json(200);
    assert_eq!(entries(&list).len(), 3);
}

#[tokio::test]
async fn a_service_delivers_with_its_own_token_to_its_departments_inboxes() {
    let app = TestApp::company().await;
    for inbox in ["chat", "alerts"] {
        app.patch(&format!("/v1/inboxes/{inbox}"), json!({ "access": "token" })).await.json(200);
    }
    let body = r#"{ "id": "1", "author": "u", "text": "hi" }"#;
    let service = app.token_for(json!({ "role": "service", "department": "service" })).await;
    deliver_with(&app, "chat", &service, body).await.json(202);
    deliver_with(&app, "alerts", &service, body).await.problem(401);
    let narrow = json!({ "role": "service", "allowance": { "requests_per_second": 1, "body_bytes": 20 } });
    let narrow = app.token_for(narrow).await;
    deliver_with(&app, "chat", &narrow, body).await.problem(413);
    deliver_with(&app, "chat", &narrow, body).await.problem(429);
    let auditor = app.token_for(json!({ "role": "auditor" })).await;
    deliver_with(&app, "chat", &auditor, body).await.problem(401);
}

#[tokio::test]
async fn the_door_tells_nobody_which_inboxes_there_are() {
    let app = TestApp::company().await;
    let refused = app.deliver("nowhere", "application/json", "{}").await.problem(404);
    for name in ["chat", "mail", "alerts"] {
        assert!(!refused.to_string().contains(name), "{refused}");
    }
}

fn merged(value: &Value, more: Value) -> Value {
    let mut value = value.clone();
    for (key, it) in more.as_object().unwrap() {
        value[key] = it.clone();
    }
    value
}
