//! A company in which a department has one of everything, and how each address is asked for with it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use switchboard::domain::principal::Role;
use switchboard::http::{Method, Route};
use switchboard::plugin::signing::PrivateKey;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{Reply, text};
use crate::support::signing::proven;

/// Whose everything is that the test asks for.
pub const OWN: &str = "service";
/// Its method, as it is written.
pub fn method(route: &Route) -> &'static str {
    match route.method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

/// A company in which the own department has one of everything.
pub struct World {
    /// The installation.
    pub app: TestApp,
    conversation: String,
    item: String,
    decision: String,
    delivery: String,
    contact: String,
    /// Somebody who may be erased without anybody's missing anything.
    passer_by: String,
    token: String,
    key: String,
    value: String,
}

impl World {
    /// Founds it.
    pub async fn found() -> Self {
        let app = TestApp::staffed().await;
        let rule = word_to("own-rule", "parcel", OWN);
        let rule = with(rule, json!({ "owner": OWN, "reach": "own-department" }));
        app.enable(rule.clone()).await;
        // Another version, so that there is one to go back to.
        app.patch("/v1/activations/own-rule", json!({ "settings": rule["settings"] })).await.json(202);
        app.settle().await;
        let received = app.tell(json!({ "id": "i-1", "author": "u-1", "text": "my parcel is late" })).await;
        app.settle().await;
        let conversation = app.conversation_of(&received);
        let shown = app.conversation(&conversation).await;
        assert_eq!(app.place(&conversation).await, "service/general");
        let component = Guest::proposing("own-plugin", Kind::Abstain, "no idea").component();
        app.upload_for(OWN, component).await.json(201);
        let key = proven(&app, &PrivateKey::generate().unwrap(), Some(OWN)).await;
        Self {
            value: {
                let secret = json!({ "name": "own-secret", "department": OWN, "uses": ["verify"], "value": "own-value" });
                text(&app.post("/v1/secrets", secret).await.json(201), "/values/0/id").to_owned()
            },
            key: text(&app.post("/v1/signing-keys", key).await.json(201), "/id").to_owned(),
            item: text(&received, "/items/0/item").to_owned(),
            delivery: text(&received, "/delivery").to_owned(),
            decision: text(&app.decision(&conversation).await, "/id").to_owned(),
            contact: text(&shown, "/contact/id").to_owned(),
            passer_by: {
                let said = app.tell(json!({ "id": "i-2", "author": "u-2", "text": "hello" })).await;
                let shown = app.conversation(&app.conversation_of(&said)).await;
                text(&shown, "/contact/id").to_owned()
            },
            token: {
                let made = json!({ "role": "auditor", "department": OWN });
                text(&app.post("/v1/tokens", made).await.json(201), "/id").to_owned()
            },
            conversation,
            app,
        }
    }

    /// The address with something of the own department in place of what varies.
    pub fn path(&self, route: &Route) -> String {
        let id = match route.path.split('/').nth(2).unwrap_or_default() {
            "conversations" => &self.conversation,
            "items" => &self.item,
            "decisions" => &self.decision,
            "deliveries" => &self.delivery,
            "contacts" if route.path.ends_with("/erase") => &self.passer_by,
            "contacts" => &self.contact,
            "signing-keys" => &self.key,
            "secrets" => &self.value,
            _ => &self.token,
        };
        let name = match route.path.split('/').nth(2).unwrap_or_default() {
            "departments" => OWN,
            "agents" => "ada",
            "inboxes" => "chat",
            "plugins" => "own-plugin",
            "secrets" => "own-secret",
            _ => "own-rule",
        };
        let given = [
            ("{id}", id.as_str()),
            ("{name}", name),
            ("{version}", "1.0.0"),
            ("{number}", "1"),
            ("{department}", OWN),
            ("{queue}", "general"),
            ("{inbox}", "chat"),
            ("{*path}", "below"),
        ];
        let path = given.iter().fold(route.path.to_owned(), |path, (part, value)| path.replace(part, value));
        assert!(!path.contains('{'), "the test does not know what to ask {path} for");
        let query = match route.path {
            "/v1/search" => "?q=parcel",
            "/v1/generations/difference" => "?from=1&to=1",
            _ => "",
        };
        path + query
    }

    /// What is sent there, with which it could be done.
    pub fn body(&self, route: &Route) -> Option<Value> {
        if route.method == Method::Get {
            return None;
        }
        let act = |more: Value| with(json!({ "agent": "ada" }), more);
        Some(match route.path.rsplit('/').next().unwrap_or_default() {
            "note" | "reply" => act(json!({ "text": "a word" })),
            "hand-off" => act(json!({ "to": { "department": OWN, "queue": "leads" } })),
            "claim" => act(json!({ "claiming": "take_over" })),
            "set" => act(json!({ "priority": "high" })),
            "merge" => act(json!({ "into": self.conversation })),
            "dismiss-suggestion" => act(json!({ "other": self.conversation })),
            "release" | "reopen" | "unmerge" | "ask-again" | "close" => act(json!({})),
            "values" => json!({ "value": "another-value" }),
            "erase" => json!({ "reason": "objection" }),
            "yank" => json!({ "reason": "wrong" }),
            "revoke" if route.path.contains("signing-keys") => json!({ "reason": "lost" }),
            "evaluate" => json!({ "case": {
                "now": 0, "inbox": { "name": "chat", "channel": "web", "department": OWN },
                "item": {
                    "external_id": "i", "kind": "form", "visibility": "private",
                    "author": { "external_id": "u" }, "text": "parcel", "occurred_at": 0,
                },
                "conversation": {
                    "id": self.conversation, "status": "open", "opened_at": 0, "item_count": 1,
                },
            } }),
            _ => json!({}),
        })
    }

    /// Asks for it, as whoever this token is.
    pub async fn ask(&self, token: &str, route: &Route) -> Reply {
        self.app.ask_as(token, method(route), &self.path(route), self.body(route).as_ref()).await
    }

    /// A token of each role, for the company and for a department where there can be one.
    pub async fn tokens(&self, department: Option<&str>) -> BTreeMap<Role, String> {
        let mut tokens = BTreeMap::new();
        for role in Role::ALL {
            let mut wanted = json!({ "role": role });
            if role == Role::Agent {
                // Agents are somebody, somewhere.
                let Some(department) = department else { continue };
                let agent = if department == OWN { "ada" } else { "mia" };
                wanted["agent"] = agent.into();
            } else if let Some(department) = department {
                wanted["department"] = department.into();
            } else if role == Role::Author {
                continue;
            }
            tokens.insert(role, self.app.token_for(wanted).await);
        }
        tokens
    }
}

/// The same with these fields.
pub fn with(mut value: Value, more: Value) -> Value {
    for (key, it) in more.as_object().unwrap() {
        value[key] = it.clone();
    }
    value
}
