//! One walk past every address: each says yes once, so that a route cannot be added without one. What changes
//! something is asked for where it cannot be recorded as well, and then leaves nothing.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use switchboard::http::{Method, table};
use switchboard::plugin::signing::PrivateKey;

use crate::support::behind::Behind;
use crate::support::company::word_to;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{entries, text};
use crate::support::signing::proven;
use crate::support::{Reply, TestApp};

/// What changes nothing that somebody would be asked about: a channel delivers, which the delivery itself
/// records, and a case is only imagined.
const UNRECORDED: [&str; 3] = ["POST /in/{inbox}", "POST /in/{inbox}/{*path}", "POST /v1/evaluate"];

/// What is said on the way: none of it is the audit log's business.
const WORDS: [&str; 9] = [
    "a mistake",
    "eight or more",
    "another value",
    "a key",
    "treaty",
    "a contract",
    "a remark",
    "gladly",
    "two contracts",
];

/// Walks, and remembers where it has been.
struct Tour {
    app: TestApp,
    behind: Behind,
    visited: BTreeSet<String>,
    /// What the audit log says of each change.
    recorded: String,
}

/// What is sent.
enum Sent {
    Nothing,
    Json(Value),
    Component(Vec<u8>),
}

impl Tour {
    async fn begin() -> Self {
        let app = TestApp::staffed().await;
        let behind = Behind::open(&app.file()).await;
        Self { app, behind, visited: BTreeSet::new(), recorded: String::new() }
    }

    /// Asks for a route with these values in place of what varies; the answer must be yes.
    async fn ask(&mut self, route: &str, values: &[&str], body: Value) -> Value {
        self.send(route, values, Sent::Json(body)).await
    }

    async fn send(&mut self, route: &str, values: &[&str], sent: Sent) -> Value {
        let (method, template) = route.split_once(' ').unwrap();
        let (template, query) = template.split_once('?').unwrap_or((template, ""));
        let name = format!("{method} {template}");
        let mut path = String::new();
        let mut values = values.iter();
        for part in template.split('/').skip(1) {
            path.push('/');
            path.push_str(if part.starts_with('{') { values.next().unwrap() } else { part });
        }
        let path = format!("{path}?{query}");
        let is_recorded = method != "GET" && !UNRECORDED.contains(&name.as_str());
        let answer = match is_recorded {
            true => self.change(&name, &path, &sent).await,
            false => self.ask_once(method, &path, &sent).await,
        };
        self.visited.insert(name);
        assert!(answer.status.is_success(), "{route}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    async fn ask_once(&self, method: &str, path: &str, sent: &Sent) -> Reply {
        let (media_type, body) = match sent {
            Sent::Nothing => return self.app.ask(method, path, &[], Vec::new()).await,
            Sent::Json(body) => ("application/json", body.to_string().into_bytes()),
            Sent::Component(bytes) => ("application/wasm", bytes.clone()),
        };
        self.app.ask(method, path, &[("content-type", media_type)], body).await
    }

    /// Asks for a change twice: where it cannot be recorded nothing of it may be done, and where it can it
    /// must be.
    async fn change(&mut self, name: &str, path: &str, sent: &Sent) -> Reply {
        let method = name.split(' ').next().unwrap();
        let before = self.behind.rows().await;
        self.behind.refuse_audit().await;
        let refused = self.ask_once(method, path, sent).await;
        self.behind.allow_audit().await;
        assert_eq!(refused.status, 500, "{name} is done and not recorded: {}", refused.text());
        for (table, rows) in self.behind.rows().await {
            assert_eq!(before[&table], rows, "{name} left something in {table} and recorded nothing");
        }
        let before = self.log().await;
        let answer = self.ask_once(method, path, sent).await;
        let mut log = self.log().await;
        // What the host does by itself from then on is not what was asked for.
        log.retain(|it| !before.contains(it) && text(it, "/principal/kind") != "system");
        let actions: Vec<_> = log.iter().rev().map(|it| text(it, "/action")).collect();
        assert!(!actions.is_empty(), "{name} is not recorded");
        writeln!(self.recorded, "{name}: {}", actions.join(", ")).unwrap();
        let log = Value::from(log);
        for word in WORDS {
            assert!(!log.to_string().contains(word), "{name} has {word} recorded: {log}");
        }
        answer
    }

    /// The latest entries of the audit log, newest first.
    async fn log(&self) -> Vec<Value> {
        entries(&self.app.get("/v1/audit?limit=50").await.json(200)).clone()
    }

    async fn read(&mut self, routes: &[&str], values: &[&str]) {
        for route in routes {
            self.send(route, values, Sent::Nothing).await;
        }
    }
}

#[tokio::test]
async fn every_route_says_yes_once_and_no_change_is_made_without_its_record() {
    let mut tour = Tour::begin().await;
    organise(&mut tour).await;
    change_rules(&mut tour).await;
    let conversation = take_in(&mut tour).await;
    converse(&mut tour, &conversation).await;
    look_around(&mut tour).await;
    let all: BTreeSet<_> =
        table::routes().iter().map(|it| format!("{} {}", word(it.method), it.path)).collect();
    let missing: Vec<_> = all.difference(&tour.visited).collect();
    assert!(missing.is_empty(), "nobody has been at {missing:?}");
    // Whoever adds a change sees here under which name it is recorded.
    insta::assert_snapshot!(tour.recorded);
}

fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

async fn organise(tour: &mut Tour) {
    tour.ask("POST /v1/departments", &[], json!({ "name": "legal" })).await;
    tour.ask("POST /v1/agents", &[], json!({ "name": "lea", "department": "legal" })).await;
    tour.ask("POST /v1/queues", &[], json!({ "name": "contracts", "department": "legal" })).await;
    let inbox = json!({ "name": "web", "department": "legal", "adapter": "cloudevents", "access": "open" });
    tour.ask("POST /v1/inboxes", &[], inbox).await;
    tour.ask("PATCH /v1/inboxes/{name}", &["web"], json!({ "operator_queue": "legal/contracts" })).await;
    tour.read(&["GET /v1/departments", "GET /v1/agents", "GET /v1/queues", "GET /v1/inboxes"], &[]).await;
    tour.read(&["GET /v1/departments/{name}"], &["legal"]).await;
    tour.read(&["GET /v1/agents/{name}"], &["lea"]).await;
    tour.read(&["GET /v1/queues/{department}/{queue}"], &["legal", "contracts"]).await;
    tour.read(&["GET /v1/inboxes/{name}"], &["web"]).await;
    let token = tour.ask("POST /v1/tokens", &[], json!({ "role": "auditor", "department": "legal" })).await;
    tour.read(&["GET /v1/me", "GET /v1/tokens"], &[]).await;
    let id = text(&token, "/id").to_owned();
    tour.read(&["GET /v1/tokens/{id}"], &[&id]).await;
    tour.ask("POST /v1/tokens/{id}/revoke", &[&id], json!({})).await;
    let secret = json!({ "name": "webhook", "uses": ["verify"], "value": "eight or more" });
    let secret = tour.ask("POST /v1/secrets", &[], secret).await;
    tour.ask("PATCH /v1/secrets/{name}", &["webhook"], json!({ "uses": ["verify", "challenge"] })).await;
    tour.ask("POST /v1/secrets/{name}/values", &["webhook"], json!({ "value": "another value" })).await;
    let first = text(&secret, "/values/0/id");
    tour.ask("POST /v1/secrets/{name}/values/{id}/retire", &["webhook", first], json!({})).await;
    tour.read(&["GET /v1/secrets"], &[]).await;
    tour.read(&["GET /v1/secrets/{name}"], &["webhook"]).await;
}

async fn change_rules(tour: &mut Tour) {
    let component = Guest::proposing("judge", Kind::Abstain, "no idea").component();
    tour.send("POST /v1/plugins", &[], Sent::Component(component)).await;
    let yank = json!({ "reason": "a mistake" });
    tour.ask("POST /v1/plugins/{name}/{version}/yank", &["judge", "1.0.0"], yank).await;
    tour.ask("POST /v1/plugins/{name}/{version}/unyank", &["judge", "1.0.0"], Value::Null).await;
    let key = proven(&tour.app, &PrivateKey::generate().unwrap(), None).await;
    let key = tour.ask("POST /v1/signing-keys", &[], key).await;
    let because = json!({ "reason": "lost" });
    tour.ask("POST /v1/signing-keys/{id}/revoke", &[text(&key, "/id")], because).await;
    tour.ask("PATCH /v1/settings", &[], json!({ "require_signatures": false })).await;
    tour.ask("PATCH /v1/quotas", &[], json!({ "quotas": { "activations": 100 } })).await;
    tour.read(&["GET /v1/quotas"], &[]).await;
    tour.read(&["GET /v1/signing-keys", "GET /v1/settings", "GET /v1/installation"], &[]).await;
    tour.read(&["GET /v1/plugins"], &[]).await;
    tour.read(&["GET /v1/plugins/{name}"], &["judge"]).await;
    tour.read(&["GET /v1/plugins/{name}/{version}"], &["judge", "1.0.0"]).await;
    tour.ask("POST /v1/activations", &[], word_to("rules", "contract", "legal")).await;
    tour.app.settle().await;
    let settings = word_to("rules", "treaty", "legal")["settings"].clone();
    tour.ask("PATCH /v1/activations/{name}", &["rules"], json!({ "settings": settings })).await;
    tour.app.settle().await;
    tour.ask("POST /v1/activations/{name}/roll-back", &["rules"], json!({})).await;
    tour.app.settle().await;
    tour.read(&["GET /v1/activations", "GET /v1/generations"], &[]).await;
    tour.read(&["GET /v1/activations/{name}", "GET /v1/activations/{name}/versions"], &["rules"]).await;
    tour.read(&["GET /v1/generations/{number}"], &["1"]).await;
    tour.read(&["GET /v1/generations/difference?from=1&to=2"], &[]).await;
}

async fn take_in(tour: &mut Tour) -> String {
    let item = json!({ "author": "u-1", "text": "a contract, please" });
    tour.ask("POST /in/{inbox}", &["web"], item).await;
    let again = json!({ "id": "again", "author": "u-1", "text": "two contracts, please" });
    let received = tour.ask("POST /in/{inbox}/{*path}", &["web", "below"], again).await;
    tour.app.settle().await;
    let delivery = text(&received, "/delivery").to_owned();
    tour.read(&["GET /v1/deliveries"], &[]).await;
    tour.read(&["GET /v1/deliveries/{id}", "GET /v1/deliveries/{id}/raw"], &[&delivery]).await;
    let broken = tour.app.deliver("web", "application/json", "{").await.json(202);
    tour.ask("POST /v1/deliveries/{id}/retry", &[text(&broken, "/delivery")], json!({})).await;
    tour.read(&["GET /v1/items/{id}"], &[text(&received, "/items/0/item")]).await;
    tour.app.conversation_of(&received)
}

async fn converse(tour: &mut Tour, conversation: &str) {
    let acts = [
        ("claim", json!({ "agent": "lea" })),
        ("release", json!({ "agent": "lea" })),
        ("note", json!({ "agent": "lea", "text": "a remark" })),
        ("set", json!({ "agent": "lea", "priority": "high" })),
        ("reply", json!({ "agent": "lea", "text": "gladly" })),
        ("hand-off", json!({ "agent": "lea", "to": { "department": "billing" } })),
        ("ask-again", json!({})),
        ("close", json!({ "agent": "lea", "disposition": { "theme": "contract" } })),
        ("reopen", json!({ "agent": "lea" })),
    ];
    for (verb, body) in acts {
        let shown = tour.ask(&format!("POST /v1/conversations/{{id}}/{verb}"), &[conversation], body).await;
        assert!(!shown.is_null());
        tour.app.settle().await;
    }
    part(tour, conversation).await;
    tour.read(&["GET /v1/conversations"], &[]).await;
    tour.read(&["GET /v1/conversations/{id}", "GET /v1/conversations/{id}/items"], &[conversation]).await;
    tour.read(&["GET /v1/conversations/{id}/notes"], &[conversation]).await;
    let contact = text(&tour.app.conversation(conversation).await, "/contact/id").to_owned();
    tour.read(&["GET /v1/contacts/{id}"], &[&contact]).await;
    tour.ask("PATCH /v1/contacts/{id}", &[&contact], json!({ "vip": true })).await;
    let decision = text(&tour.app.decision(conversation).await, "/id").to_owned();
    tour.read(&["GET /v1/decisions/{id}"], &[&decision]).await;
    tour.read(&["GET /v1/contacts/{id}/export"], &[&contact]).await;
    let objection = json!({ "reason": "objection" });
    tour.ask("POST /v1/contacts/{id}/erase", &[&contact], objection).await;
}

/// A conversation that may belong to this one does not, does, and does not again.
async fn part(tour: &mut Tour, conversation: &str) {
    let item = json!({ "author": "u-2", "in_reply_to": "again", "text": "and my contract?" });
    let received = tour.app.deliver("web", "application/json", item.to_string()).await.json(202);
    let other = tour.app.conversation_of(&received);
    tour.app.settle().await;
    let dismissed = json!({ "agent": "lea", "other": other });
    tour.ask("POST /v1/conversations/{id}/dismiss-suggestion", &[conversation], dismissed).await;
    let into = json!({ "agent": "lea", "into": conversation });
    tour.ask("POST /v1/conversations/{id}/merge", &[&other], into).await;
    tour.app.settle().await;
    tour.ask("POST /v1/conversations/{id}/unmerge", &[&other], json!({ "agent": "lea" })).await;
    tour.app.settle().await;
}

async fn look_around(tour: &mut Tour) {
    let case = json!({
        "now": 0, "inbox": { "name": "web", "channel": "web", "department": "legal" },
        "item": {
            "external_id": "i", "kind": "form", "visibility": "private", "author": { "external_id": "u" },
            "text": "a contract", "occurred_at": 0,
        },
        "conversation": { "id": "cnv_0000000000001", "status": "open", "opened_at": 0, "item_count": 1 },
    });
    tour.ask("POST /v1/evaluate", &[], json!({ "case": case })).await;
    tour.app.patch("/v1/activations/rules", json!({ "mode": "disabled" })).await.json(202);
    tour.send("DELETE /v1/activations/{name}", &["rules"], Sent::Nothing).await;
    tour.read(&["GET /v1/audit", "GET /v1/audit/verification"], &[]).await;
    tour.read(&["GET /v1/search?q=contract", "GET /v1/decisions", "GET /v1/counts"], &[]).await;
    tour.read(&["GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json"], &[]).await;
}
