//! Departments, agents, queues and inboxes.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::{entries, text};

fn names(list: &Value) -> Vec<&str> {
    entries(list).iter().map(|it| text(it, "/name")).collect()
}

#[tokio::test]
async fn a_department_starts_with_a_queue() {
    let app = TestApp::company().await;
    let added = app.post("/v1/departments", json!({ "name": "legal", "title": "Law" })).await.json(201);
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(added, { ".id" => "[id]" }, @r#"
        {
          "created_at": "2026-03-02T09:00:00.000Z",
          "id": "[id]",
          "name": "legal",
          "title": "Law"
        }
        "#);
    });
    assert_eq!(app.get("/v1/departments/legal").await.json(200), added);
    assert_eq!(app.get("/v1/queues/legal/general").await.json(200)["open"], 0);
    let all = app.get("/v1/departments").await.json(200);
    assert_eq!(names(&all), ["billing", "communications", "legal", "management", "service"]);
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    let app = TestApp::company().await;
    let taken = [
        ("/v1/departments", json!({ "name": "billing" })),
        ("/v1/agents", json!({ "name": "ada", "department": "billing" })),
        ("/v1/queues", json!({ "name": "refunds", "department": "billing" })),
        ("/v1/inboxes", json!({ "name": "chat", "department": "billing", "adapter": "cloudevents" })),
    ];
    for (path, body) in taken {
        let refused = app.post(path, body).await.problem(409);
        assert!(text(&refused, "/detail").contains("choose another name"), "{refused}");
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_at_its_place() {
    let app = TestApp::company().await;
    for name in ["", "B", "a b", "-x", "x-", "аdmin", "../etc", &"x".repeat(64)] {
        let refused = app.post("/v1/departments", json!({ "name": name })).await;
        assert_eq!(refused.pointers(), ["/name"], "{name:?}");
    }
}

#[tokio::test]
async fn text_that_hides_or_reorders_itself_is_refused_everywhere() {
    let app = TestApp::company().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let act = |verb: &str| format!("/v1/conversations/{conversation}/{verb}");
    for hidden in ["\u{200b}", "\u{2060}\u{feff} ", "\u{3164}"] {
        for (path, body, pointer) in [
            ("/v1/departments".to_owned(), json!({ "name": "legal", "title": hidden }), "/title"),
            (
                "/v1/agents".to_owned(),
                json!({ "name": "eve", "department": "billing", "title": hidden }),
                "/title",
            ),
            (
                "/v1/queues".to_owned(),
                json!({ "name": "q2", "department": "billing", "title": hidden }),
                "/title",
            ),
            ("/v1/tokens".to_owned(), json!({ "role": "auditor", "title": hidden }), "/title"),
            ("/v1/plugins/keyword-router/0.2.0/yank".to_owned(), json!({ "reason": hidden }), "/reason"),
            (act("note"), json!({ "agent": "ada", "text": hidden }), "/text"),
            (act("set"), json!({ "add_tags": [hidden] }), "/add_tags/0"),
            (
                act("close"),
                json!({ "agent": "ada", "disposition": { "theme": hidden } }),
                "/disposition/theme",
            ),
        ] {
            assert_eq!(app.post(&path, body).await.pointers(), [pointer], "{path} {hidden:?}");
        }
    }
    for reordered in ["a\u{202e}b", "a\u{2066}b", "a\u{200f}b", "a\u{1b}[2Jb", "a\nb"] {
        for (path, body, pointer) in [
            ("/v1/departments".to_owned(), json!({ "name": "legal", "title": reordered }), "/title"),
            ("/v1/tokens".to_owned(), json!({ "role": "auditor", "title": reordered }), "/title"),
            ("/v1/plugins/keyword-router/0.2.0/yank".to_owned(), json!({ "reason": reordered }), "/reason"),
            (act("set"), json!({ "intent": reordered }), "/intent"),
        ] {
            assert_eq!(app.post(&path, body).await.pointers(), [pointer], "{path} {reordered:?}");
        }
    }
    // Marks of direction belong to texts in some scripts.
    let note = json!({ "agent": "ada", "text": "שלום\u{200f}!\nTwo lines." });
    app.post(&act("note"), note).await.json(200);
}

#[tokio::test]
async fn a_refusal_quotes_only_the_beginning_of_what_was_given() {
    let app = TestApp::company().await;
    let long = "x".repeat(500_000);
    for (path, body) in [
        ("/v1/departments", json!({ "name": long })),
        ("/v1/queues", json!({ "name": "some", "department": long })),
        ("/v1/activations", json!({ "plugin": long })),
        ("/v1/activations", json!({ "plugin": "keyword-router", "version": long })),
        ("/v1/activations", json!({ "plugin": "keyword-router", "applies_to": { "channels": [long] } })),
        ("/v1/inboxes", json!({ "name": "web", "department": "service", "adapter": long })),
        ("/v1/secrets", json!({ "name": "one", "uses": ["send"], "hosts": [long], "value": "12345678" })),
    ] {
        let refused = app.post(path, body).await;
        assert!(refused.status.is_client_error(), "{path}: {}", refused.text());
        assert!(refused.body.len() < 8_192, "{path}: {} bytes", refused.body.len());
    }
}

#[tokio::test]
async fn lists_of_very_many_entries_are_refused() {
    let app = TestApp::company().await;
    let many = |entry: &'static str| vec![entry; 300];
    for (field, entries) in [
        ("inboxes", many("chat")),
        ("departments", many("service")),
        ("channels", many("web")),
        ("events", many("item-received")),
    ] {
        let activation = json!({
            "plugin": "keyword-router", "applies_to": { field: entries },
            "settings": { "rules": [{ "name": "a", "any": ["b"], "destination": { "department": "billing" } }] },
        });
        let refused = app.post("/v1/activations", activation).await;
        assert_eq!(refused.pointers(), [format!("/applies_to/{field}")]);
    }
    let secret = json!({ "name": "one", "uses": vec!["verify"; 300], "value": "12345678" });
    assert_eq!(app.post("/v1/secrets", secret).await.pointers(), ["/uses"]);
}

#[tokio::test]
async fn a_queue_and_an_agent_need_a_department_that_exists() {
    let app = TestApp::company().await;
    for path in ["/v1/queues", "/v1/agents"] {
        let refused = app.post(path, json!({ "name": "some", "department": "astrology" })).await;
        assert_eq!(refused.pointers(), ["/department"]);
        assert!(refused.text().contains("billing"), "{}", refused.text());
    }
}

#[tokio::test]
async fn what_does_not_exist_is_answered_with_what_does() {
    let app = TestApp::company().await;
    let expected = [
        ("/v1/departments/astrology", "management"),
        ("/v1/agents/nobody", "ada, ben, cem"),
        ("/v1/queues/billing/astrology", "billing/refunds"),
        ("/v1/inboxes/cat", "alerts, chat, mail"),
        ("/v1/plugins/astrology", "keyword-router"),
        ("/v1/plugins/email/77.0.0", "there is: "),
        ("/v1/activations/astrology", "cloudevents"),
        ("/v1/generations/7777", "there are 1 to"),
    ];
    for (path, known) in expected {
        let refused = app.get(path).await.problem(404);
        assert!(text(&refused, "/detail").contains(known), "{path}: {refused}");
    }
}

#[tokio::test]
async fn an_inbox_shows_its_token_once() {
    let app = TestApp::company().await;
    let new = json!({ "name": "shop", "department": "service", "adapter": "cloudevents", "access": "token" });
    let added = app.post("/v1/inboxes", new).await.json(201);
    let token = text(&added, "/token");
    assert!(token.len() > 40, "{added}");
    let shown = app.get("/v1/inboxes/shop").await;
    assert!(!shown.text().contains(token));
    assert!(!shown.text().contains("sha256"));
    assert_eq!(shown.json(200)["access"], "token");
}

#[tokio::test]
async fn a_new_token_makes_the_one_before_worthless() {
    let app = TestApp::company().await;
    let new = json!({ "name": "shop", "department": "service", "adapter": "cloudevents", "access": "token" });
    let before = text(&app.post("/v1/inboxes", new).await.json(201), "/token").to_owned();
    let changed = app.patch("/v1/inboxes/shop", json!({ "access": "token" })).await.json(200);
    let after = text(&changed, "/token").to_owned();
    let deliver = async |token: &str| {
        let headers = [("content-type", "application/json"), ("x-switchboard-token", token)];
        app.ask("POST", "/in/shop", &headers, r#"{"author": "u-1", "text": "hi"}"#).await
    };
    deliver(&before).await.problem(401);
    deliver(&after).await.json(202);
}

#[tokio::test]
async fn an_inbox_is_changed_in_part_and_only_by_who_saw_it() {
    let app = TestApp::company().await;
    let etag = app.get("/v1/inboxes/chat").await.headers["etag"].to_str().unwrap().to_owned();
    let change = async |body: Value| {
        let headers = [("content-type", "application/json"), ("if-match", etag.as_str())];
        app.ask("PATCH", "/v1/inboxes/chat", &headers, body.to_string()).await
    };
    let changed = change(json!({ "operator_queue": "service/leads" })).await.json(200);
    assert_eq!(changed["operator_queue"], "service/leads");
    assert_eq!(changed["promise"]["within_ms"], 3_600_000, "what was not named stays");
    change(json!({ "promise": null })).await.problem(412);
    let changed = app.patch("/v1/inboxes/chat", json!({ "promise": null })).await.json(200);
    assert_eq!(changed.get("promise"), None);
    let conversation = app.say("hello").await;
    app.settle().await;
    assert_eq!(app.place(&conversation).await, "service/leads");
}

#[tokio::test]
async fn what_is_wrong_with_an_inbox_is_pointed_at() {
    let app = TestApp::company().await;
    let wrong = [
        ("/adapter", json!({ "adapter": "astrology" })),
        ("/department", json!({ "department": "astrology" })),
        ("/operator_queue", json!({ "operator_queue": "service/astrology" })),
        ("/junk_queue", json!({ "junk_queue": "nonsense" })),
        ("/promise/within_ms", json!({ "promise": { "within_ms": 0, "warn_before_ms": 0 } })),
        ("/promise/warn_before_ms", json!({ "promise": { "within_ms": 10, "warn_before_ms": 10 } })),
        ("/reply_hosts/0", json!({ "reply_hosts": ["https://example.com/x"] })),
        ("/settings/visibility", json!({ "settings": { "visibility": "secret" } })),
        ("/settings/reply_url", json!({ "settings": { "reply_url": "no address" } })),
        ("/channel", json!({ "channel": "No Channel" })),
    ];
    for (pointer, part) in wrong {
        let mut inbox = json!({ "name": "shop", "department": "service", "adapter": "cloudevents" });
        for (key, value) in part.as_object().unwrap() {
            inbox[key] = value.clone();
        }
        let refused = app.post("/v1/inboxes", inbox).await;
        assert_eq!(refused.pointers(), [pointer], "{}", refused.text());
    }
    app.get("/v1/inboxes/shop").await.problem(404);
}

#[tokio::test]
async fn every_change_is_in_the_audit_log_without_names_and_texts() {
    let app = TestApp::company().await;
    let conversation = app.say("my secret is 1234").await;
    app.settle().await;
    let note = json!({ "agent": "ada", "text": "a very private remark" });
    app.post(&format!("/v1/conversations/{conversation}/note"), note).await.json(200);
    app.post("/v1/departments", json!({ "name": "legal" })).await.json(201);
    let audit = app.get("/v1/audit").await;
    let actions: Vec<_> =
        entries(&audit.json(200)).iter().take(2).map(|it| text(it, "/action").to_owned()).collect();
    assert_eq!(actions, ["department.add", "conversation.note"]);
    for secret in ["1234", "private remark"] {
        assert!(!audit.text().contains(secret), "{secret}");
    }
    let verification = app.get("/v1/audit/verification").await.json(200);
    assert!(verification["verified"].as_u64().unwrap() >= entries(&audit.json(200)).len() as u64);
    assert_eq!((&verification["before_chain"], &verification["broken"]), (&json!(0), &Value::Null));
}
