//! Every role at every address: made from the table, so that no address can be without a rule.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};
use switchboard::domain::principal::Role;
use switchboard::http::{Method, Permission, Route, table};
use switchboard::plugin::signing::PrivateKey;

use crate::support::TestApp;
use crate::support::company::word_to;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{Reply, entries, text};

/// Whose everything is that the test asks for.
const OWN: &str = "service";
/// Who has nothing to do with any of it.
const FOREIGN: &str = "management";

/// What everybody with a token may know: the company's directory, the marketplace, oneself.
const SHARED: [&str; 11] = [
    "/v1/departments",
    "/v1/departments/{name}",
    "/v1/agents",
    "/v1/agents/{name}",
    "/v1/queues",
    "/v1/queues/{department}/{queue}",
    "/v1/plugins",
    "/v1/plugins/{name}",
    "/v1/plugins/{name}/{version}",
    "/v1/me",
    "/v1/signing-keys",
];

/// What everybody may know of and its owner alone may change.
const OWNERS: [&str; 3] = [
    "/v1/plugins/{name}/{version}/yank",
    "/v1/plugins/{name}/{version}/unyank",
    "/v1/signing-keys/{id}/revoke",
];

fn method(route: &Route) -> &'static str {
    match route.method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
        Method::Patch => "PATCH",
    }
}

/// A company in which the own department has one of everything.
struct World {
    app: TestApp,
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
    async fn found() -> Self {
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
        let public_key = PrivateKey::generate().unwrap().public_key();
        let key = json!({ "title": "a key", "public_key": public_key, "department": OWN });
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
    fn path(&self, route: &Route) -> String {
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
    fn body(&self, route: &Route) -> Option<Value> {
        if route.method == Method::Get {
            return None;
        }
        let act = |more: Value| with(json!({ "agent": "ada" }), more);
        Some(match route.path.rsplit('/').next().unwrap_or_default() {
            "note" | "reply" => act(json!({ "text": "a word" })),
            "hand-off" => act(json!({ "to": { "department": OWN, "queue": "leads" } })),
            "claim" => act(json!({ "claiming": "take_over" })),
            "set" => act(json!({ "priority": "high" })),
            "release" | "reopen" | "ask-again" | "close" => act(json!({})),
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

    async fn ask(&self, token: &str, route: &Route) -> Reply {
        self.app.ask_as(token, method(route), &self.path(route), self.body(route).as_ref()).await
    }

    /// A token of each role, for the company and for a department where there can be one.
    async fn tokens(&self, department: Option<&str>) -> BTreeMap<Role, String> {
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

fn with(mut value: Value, more: Value) -> Value {
    for (key, it) in more.as_object().unwrap() {
        value[key] = it.clone();
    }
    value
}

fn guarded() -> impl Iterator<Item = Route> {
    table::routes().into_iter().filter(|it| !it.permission.roles().is_empty())
}

#[tokio::test]
async fn every_role_may_ask_for_what_the_table_says_and_for_nothing_else() {
    let world = World::found().await;
    let mut asked = 0;
    for department in [None, Some(OWN)] {
        for (role, token) in world.tokens(department).await {
            for route in guarded() {
                let answer = world.ask(&token, &route).await;
                let company_only = matches!(route.permission, Permission::Company(_));
                let may = route.permission.roles().contains(&role) && (department.is_none() || !company_only);
                let case = format!("{role} of {department:?} at {}: {}", answer.asked, answer.text());
                assert_ne!(answer.status, 401, "{case}");
                assert_eq!(answer.status != 403, may, "{case}");
                assert_ne!(answer.status, 404, "{case}");
                assert!(answer.status.as_u16() < 500, "{case}");
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 8 * guarded().count(), "three roles for the company, five for a department");
}

#[tokio::test]
async fn what_is_another_departments_is_not_there() {
    let world = World::found().await;
    world.app.post("/v1/agents", json!({ "department": FOREIGN, "name": "mia" })).await.json(201);
    let mut hidden = 0;
    for (role, token) in world.tokens(Some(FOREIGN)).await {
        for route in guarded().filter(|it| !SHARED.contains(&it.path)) {
            let may = matches!(route.permission, Permission::Roles(roles) if roles.contains(&role));
            if !may {
                continue;
            }
            let answer = world.ask(&token, &route).await;
            let case = format!("{role} at {}: {} {}", answer.asked, answer.status, answer.text());
            if OWNERS.contains(&route.path) {
                answer.problem(403);
                hidden += 1;
            } else if route.path_parameters().next().is_some() || route.path == "/v1/evaluate" {
                let problem = answer.problem(404);
                for secret in ["chat", "own-rule", OWN] {
                    let told = text(&problem, "/detail").replace("`chat`", "").replace("`own-rule`", "");
                    assert!(!told.contains(secret), "{case}");
                }
                hidden += 1;
            } else if route.method == Method::Get {
                let list = answer.json(200);
                let own = entries(&list).iter().filter(|it| it["department_name"] != FOREIGN);
                assert_eq!(own.count(), 0, "{case}");
                hidden += 1;
            }
        }
    }
    assert!(hidden > 40, "only {hidden} were asked");
}

#[tokio::test]
async fn a_token_that_expired_or_was_revoked_opens_nothing() {
    let world = World::found().await;
    let revoked = world.app.post("/v1/tokens", json!({ "role": "admin" })).await.json(201);
    let revoke = format!("/v1/tokens/{}/revoke", text(&revoked, "/id"));
    world.app.post(&revoke, json!({})).await.json(200);
    for route in guarded() {
        let answer = world.ask(text(&revoked, "/secret"), &route).await;
        assert!(text(&answer.problem(401), "/detail").contains("revoked"), "{}", answer.asked);
    }
    let expired = world.app.token_for(json!({ "role": "admin", "expires_in_days": 1 })).await;
    world.app.clock.advance_ms(24 * 3_600_000);
    for route in guarded() {
        let answer = world.ask(&expired, &route).await;
        assert!(text(&answer.problem(401), "/detail").contains("expired"), "{}", answer.asked);
    }
}

/// Whoever changes who may do what sees it here.
#[test]
fn who_may_do_what_is_as_it_was_agreed() {
    let mut table_of_rights = String::new();
    for route in table::routes() {
        let who = match route.permission {
            Permission::Public => "anybody".to_owned(),
            Permission::Inbox => "whoever the inbox admits".to_owned(),
            Permission::Roles(roles) => names(roles),
            Permission::Company(roles) => format!("{} of the whole company", names(roles)),
        };
        writeln!(table_of_rights, "{} {}: {who}", method(&route), route.path).unwrap();
    }
    insta::assert_snapshot!(table_of_rights);
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|it| it.name()).collect::<Vec<_>>().join(", ")
}
