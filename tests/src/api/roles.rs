//! Every role at every address: made from the table, so that no address can be without a rule.

use std::fmt::Write;

use serde_json::json;
use switchboard::domain::principal::Role;
use switchboard::http::{Method, Permission, Route, table};

use super::world::{OWN, World, method};
use crate::support::reply::{entries, text};

/// Who has nothing to do with any of it.
const FOREIGN: &str = "management";

/// What everybody with a token may know: the company's directory, the marketplace, oneself.
const SHARED: [&str; 12] = [
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
    "/v1/installation",
];

/// What everybody may know of and its owner alone may change.
const OWNERS: [&str; 3] = [
    "/v1/plugins/{name}/{version}/yank",
    "/v1/plugins/{name}/{version}/unyank",
    "/v1/signing-keys/{id}/revoke",
];

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
