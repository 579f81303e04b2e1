//! Quotas: how much of each shared thing one department may have.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::reply::{entries, text};

/// The entry of one quota in a list.
fn quota<'a>(list: &'a Value, name: &str) -> &'a Value {
    entries(list).iter().find(|it| it["quota"] == name).unwrap()
}

#[tokio::test]
async fn admin_sees_each_quota_with_its_default_and_its_use() {
    let app = TestApp::staffed().await;
    let company = app.get("/v1/quotas").await.json(200);
    let activations = quota(&company, "activations");
    assert_eq!(activations["value"], activations["default"]);
    assert_eq!(activations["unit"], "activations");
    assert!(activations["used"].as_u64().unwrap() >= 2, "an adapter and a rule are enabled: {company}");
    let billing = app.get("/v1/quotas?department=billing").await.json(200);
    assert_eq!(quota(&billing, "activations")["used"], 0);
    assert!(quota(&billing, "decision-bytes").get("used").is_none(), "it is counted for each decision");
    let unknown = app.get("/v1/quotas?department=astrology").await.problem(404);
    assert!(text(&unknown, "/detail").contains("billing"), "{unknown}");
}

#[tokio::test]
async fn set_quota_holds_until_it_is_put_back_to_its_default() {
    let app = TestApp::company().await;
    let change = json!({ "department": "billing", "quotas": { "activations": 5 } });
    let changed = app.patch("/v1/quotas", change).await.json(200);
    assert_eq!(quota(&changed, "activations")["value"], 5);
    let other = app.get("/v1/quotas?department=service").await.json(200);
    assert_eq!(quota(&other, "activations")["value"], quota(&other, "activations")["default"]);
    let back = json!({ "department": "billing", "quotas": { "activations": null } });
    let back = app.patch("/v1/quotas", back).await.json(200);
    assert_eq!(quota(&back, "activations")["value"], quota(&back, "activations")["default"]);
    let audit = app.get("/v1/audit").await.json(200);
    assert_eq!(text(&audit, "/entries/0/action"), "quotas.change");
}

#[tokio::test]
async fn quota_that_does_not_exist_or_is_too_large_is_refused_at_its_place() {
    let app = TestApp::company().await;
    let refused = app.patch("/v1/quotas", json!({ "quotas": { "luck": 1 } })).await;
    assert!(text(&refused.problem(422), "/errors/0/pointer").starts_with("/quotas"));
    let refused = app.patch("/v1/quotas", json!({ "quotas": { "releases": 1_u64 << 60 } })).await;
    assert_eq!(refused.pointers(), ["/quotas/releases"]);
}

#[tokio::test]
async fn confined_admin_sees_its_own_quotas_and_sets_none() {
    let app = TestApp::company().await;
    let token = app.token_for(json!({ "role": "admin", "department": "billing" })).await;
    let own = app.ask_as(&token, "GET", "/v1/quotas", None).await.json(200);
    assert_eq!(quota(&own, "activations")["default"], 32);
    app.ask_as(&token, "GET", "/v1/quotas?department=service", None).await.problem(404);
    let change = json!({ "quotas": { "activations": 1_000 } });
    app.ask_as(&token, "PATCH", "/v1/quotas", Some(&change)).await.problem(403);
}

#[tokio::test]
async fn metrics_show_how_much_of_a_quota_is_used() {
    let app = TestApp::staffed().await;
    let metrics = app.get("/metrics").await.text().to_owned();
    let used = r#"switchboard_quota_used{department="",quota="activations"} "#;
    assert!(metrics.lines().any(|it| it.starts_with(used) && !it.ends_with(" 0")), "{metrics}");
    assert!(
        metrics.contains(r#"switchboard_quota_value{department="",quota="activations"} 128"#),
        "{metrics}"
    );
}
