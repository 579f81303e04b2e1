//! A change that is stored is acknowledged, whatever fails after its transaction.

use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use switchboard::flow::purge::purge_due;
use switchboard::flow::{catch_up, delete_unused};
use switchboard::plugin::digest::digest;
use switchboard::plugin::signing::PrivateKey;

use crate::support::TestApp;
use crate::support::behind::Behind;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{Reply, entries, text};
use crate::support::signing::proven;

/// An app whose readings of what memory is made of fail after each change.
struct Failing {
    app: TestApp,
    behind: Behind,
    asked: usize,
}

impl Failing {
    async fn of(app: TestApp) -> Self {
        let behind = Behind::open(&app.file()).await;
        Self { app, behind, asked: 0 }
    }

    /// Has something done, and expects this status; repeated under its key, it is not done again.
    async fn done(&mut self, method: &str, path: &str, body: Value, status: u16) -> Value {
        self.asked += 1;
        let key = format!("k-{}", self.asked);
        self.behind.break_readings_after_a_change().await;
        let first = self.ask(method, path, &key, &body).await;
        self.behind.mend_readings().await;
        let done = first.json(status);
        let again = self.ask(method, path, &key, &body).await;
        if again.status == 409 {
            assert!(text(&again.problem(409), "/detail").contains("shown once"), "{path}: {}", again.text());
        } else {
            assert!(again.headers.contains_key("idempotency-replayed"), "{path}: {}", again.text());
            assert_eq!(again.json(status), done, "{path}");
        }
        done
    }

    async fn ask(&self, method: &str, path: &str, key: &str, body: &Value) -> Reply {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.app.ask(method, path, &headers, body.to_string()).await
    }

    async fn deliver(&self, inbox: &str, token: &str) -> Reply {
        let item = json!({ "id": token, "author": "u-1", "text": "hello" }).to_string();
        let request = Request::post(format!("/in/{inbox}")).header("content-type", "application/json");
        self.app.send(request.header("x-switchboard-token", token).body(Full::from(item)).unwrap()).await
    }
}

#[tokio::test]
async fn stored_change_of_names_is_acknowledged_and_known_at_once() {
    let mut failing = Failing::of(TestApp::company().await).await;
    failing.done("POST", "/v1/departments", json!({ "name": "legal" }), 201).await;
    failing.done("POST", "/v1/queues", json!({ "department": "legal", "name": "claims" }), 201).await;
    let agent = json!({ "name": "eve", "department": "legal" });
    assert_eq!(failing.done("POST", "/v1/agents", agent, 201).await["department_name"], "legal");
    let inbox = json!({
        "name": "letters", "department": "legal", "adapter": "cloudevents", "access": "token",
    });
    let added = failing.done("POST", "/v1/inboxes", inbox, 201).await;
    assert_eq!(added["operator_queue"], "legal/operator");
    let changed = failing.done("PATCH", "/v1/inboxes/letters", json!({ "access": "token" }), 200).await;
    failing.deliver("letters", text(&added, "/token")).await.problem(401);
    failing.deliver("letters", text(&changed, "/token")).await.json(202);
    let conversation = failing.app.say("hello").await;
    failing.app.settle().await;
    let hand_off = json!({ "to": { "department": "legal", "queue": "claims", "assignee": "eve" } });
    let of = format!("/v1/conversations/{conversation}");
    failing.done("POST", &format!("{of}/hand-off"), hand_off, 200).await;
    let contact = failing.app.conversation(&conversation).await["contact"]["id"].clone();
    let contact = format!("/v1/contacts/{}", contact.as_str().unwrap());
    assert_eq!(failing.done("PATCH", &contact, json!({ "vip": true }), 200).await["vip"], true);
}

#[tokio::test]
async fn stored_change_of_tokens_and_secrets_is_acknowledged_and_counts() {
    let mut failing = Failing::of(TestApp::company().await).await;
    let made = failing.done("POST", "/v1/tokens", json!({ "role": "auditor" }), 201).await;
    let opens = async |failing: &Failing| {
        failing.app.ask_as(text(&made, "/secret"), "GET", "/v1/me", None).await.status.as_u16()
    };
    assert_eq!(opens(&failing).await, 200);
    let revoke = format!("/v1/tokens/{}/revoke", text(&made, "/id"));
    failing.done("POST", &revoke, json!({}), 200).await;
    assert_eq!(opens(&failing).await, 401);

    let secret = json!({ "name": "shared", "uses": ["verify"], "value": "a long value" });
    let kept = failing.done("POST", "/v1/secrets", secret, 201).await;
    let value = json!({ "value": "another value" });
    failing.done("POST", "/v1/secrets/shared/values", value, 201).await;
    let retire = format!("/v1/secrets/shared/values/{}/retire", text(&kept, "/values/0/id"));
    failing.done("POST", &retire, json!({}), 200).await;
    failing.done("PATCH", "/v1/settings", json!({ "require_signatures": true }), 200).await;
}

#[tokio::test]
async fn stored_change_of_an_activation_is_acknowledged_and_followed_later() {
    let mut failing = Failing::of(TestApp::staffed().await).await;
    let guest = Guest::proposing("extra", Kind::Abstain, "no idea").component();
    failing.behind.break_readings_after_a_change().await;
    let published = failing.app.upload(guest).await;
    failing.behind.mend_readings().await;
    published.json(201);

    let rank_at_work = async |failing: &Failing| {
        let generations = failing.app.get("/v1/generations").await.json(200);
        let number = entries(&generations)[0]["number"].clone();
        let latest = failing.app.get(&format!("/v1/generations/{number}")).await.json(200);
        let all = latest["entries"].as_array().unwrap().clone();
        all.iter().find(|it| it["name"] == "keyword-router").unwrap()["rank"].clone()
    };
    let before = rank_at_work(&failing).await;
    let change = json!({ "rank": 7 });
    failing.done("PATCH", "/v1/activations/keyword-router", change, 202).await;
    assert_eq!(rank_at_work(&failing).await, before, "it could not be loaded");
    catch_up::catch_up(failing.app.flow()).await.unwrap();
    assert_eq!(rank_at_work(&failing).await, 7);
    let yank = json!({ "reason": "a mistake" });
    failing.done("POST", "/v1/plugins/extra/1.0.0/yank", yank, 200).await;
}

#[tokio::test]
async fn stored_merge_and_its_undo_are_acknowledged() {
    let mut failing = Failing::of(TestApp::staffed().await).await;
    let survivor = failing.app.say("hello").await;
    let ended = failing.app.say("hello again").await;
    failing.app.settle().await;
    let of = format!("/v1/conversations/{ended}");
    let into = json!({ "agent": "ada", "into": survivor });
    let merged = failing.done("POST", &format!("{of}/merge"), into, 200).await;
    assert_eq!((text(&merged, "/id"), merged["item_count"].as_u64()), (survivor.as_str(), Some(2)));
    assert_eq!(failing.app.conversation(&survivor).await["revision"], merged["revision"]);
    let undone = failing.done("POST", &format!("{of}/unmerge"), json!({ "agent": "ada" }), 200).await;
    assert_eq!(text(&undone, "/conversation/id"), ended);
}

#[tokio::test]
async fn erasure_that_began_is_acknowledged_though_its_steps_fail() {
    let app = TestApp::staffed().await;
    let conversation = app.say("hello").await;
    app.settle().await;
    let contact = text(&app.conversation(&conversation).await, "/contact/id").to_owned();
    let mut behind = Behind::open(&app.file()).await;
    behind
        .run(
            "CREATE TRIGGER no_end BEFORE DELETE ON begun_erasures BEGIN SELECT RAISE(ABORT, 'not now'); END",
        )
        .await;
    let erase = format!("/v1/contacts/{contact}/erase");
    let begun = app.post(&erase, json!({ "reason": "objection" })).await.json(202);
    assert_eq!((text(&begun, "/contact"), &begun["erased_at"]), (contact.as_str(), &Value::Null));
    behind.run("DROP TRIGGER no_end").await;
    // The host goes on with it by itself.
    assert!(purge_due(app.flow()).await.unwrap());
    assert!(app.get(&format!("/v1/contacts/{contact}")).await.text().contains("erased_at"));
    let done = app.post(&erase, json!({ "reason": "objection" })).await.ok();
    assert!(done["erased_at"].is_string(), "{done}");
}

#[tokio::test]
async fn stored_change_of_quotas_is_acknowledged_and_counts() {
    let mut failing = Failing::of(TestApp::company().await).await;
    let change = json!({ "department": "billing", "quotas": { "activations": 3 } });
    let value = |list: &Value| {
        entries(list).iter().find(|it| it["quota"] == "activations").map(|it| it["value"].clone()).unwrap()
    };
    assert_eq!(value(&failing.done("PATCH", "/v1/quotas", change, 200).await), 3);
    assert_eq!(value(&failing.app.get("/v1/quotas?department=billing").await.json(200)), 3);
}

#[tokio::test]
async fn component_published_again_is_acknowledged_with_its_signature() {
    let mut failing = Failing::of(TestApp::company().await).await;
    let component = Guest::proposing("extra", Kind::Abstain, "no idea").component();
    failing.app.upload(component.clone()).await.json(201);
    let yank = json!({ "reason": "a mistake" });
    failing.app.post("/v1/plugins/extra/1.0.0/yank", yank).await.json(200);
    for _ in 0..2 {
        delete_unused::delete_unused(failing.app.flow()).await.unwrap();
        failing.app.clock.advance_ms(31 * 24 * 3_600_000);
    }
    let key = PrivateKey::generate().unwrap();
    let registered = proven(&failing.app, &key, None).await;
    let registered = failing.app.post("/v1/signing-keys", registered).await.json(201);
    let signature = key.sign(&digest(&component));
    let signature = format!("{} {}", signature.public_key, signature.signature);
    let headers = [("content-type", "application/wasm"), ("x-switchboard-signature", signature.as_str())];
    failing.behind.break_readings_after_a_change().await;
    let published = failing.app.ask("POST", "/v1/plugins", &headers, component).await;
    failing.behind.mend_readings().await;
    assert_eq!(published.json(200)["signature"]["key"], registered["id"]);
    let kept = failing.app.get("/v1/plugins/extra/1.0.0").await.json(200);
    assert_eq!(kept["signature"]["key"], registered["id"]);
}
