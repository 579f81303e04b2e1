//! Quotas: how much of each shared thing one department may have.

use serde_json::{Value, json};

use crate::support::company::word_to;
use crate::support::compiler::endless_compiler;
use crate::support::guest::{Guest, Kind};
use crate::support::reply::{entries, text};
use crate::support::{Reply, TestApp};

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

/// Sets a quota of the department `service`.
async fn set(app: &TestApp, name: &str, value: u64) {
    let change = json!({ "department": "service", "quotas": { name: value } });
    app.patch("/v1/quotas", change).await.json(200);
}

/// The name of the quota that a refusal is about.
fn refused_by(reply: &Reply) -> String {
    text(&reply.problem(409), "/quota/name").to_owned()
}

fn rule(name: &str) -> Value {
    let mut rule = word_to(name, "invoice", "service");
    rule["owner"] = "service".into();
    rule
}

#[tokio::test]
async fn department_has_no_more_activations_than_its_quota() {
    let app = TestApp::company().await;
    set(&app, "activations", 1).await;
    app.enable(rule("one")).await;
    assert_eq!(refused_by(&app.post("/v1/activations", rule("two")).await), "activations");
    app.get("/v1/activations/two").await.problem(404);
    app.enable(word_to("companys", "invoice", "service")).await;
}

#[tokio::test]
async fn department_has_no_more_preparations_wait_than_its_quota() {
    let app = TestApp::company().await;
    app.enable(rule("one")).await;
    app.enable(rule("two")).await;
    set(&app, "waiting-preparations", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let app = app.restart_with_compiler(endless_compiler(folder.path())).await;
    let change = |word: &str| json!({ "settings": word_to("x", word, "service")["settings"] });
    app.patch("/v1/activations/one", change("kettle")).await.json(202);
    // What waits already may wait for something else.
    app.patch("/v1/activations/one", change("teapot")).await.json(202);
    let refused = app.patch("/v1/activations/two", change("kettle")).await;
    assert_eq!(refused_by(&refused), "waiting-preparations");
    assert_eq!(refused_by(&app.post("/v1/activations", rule("three")).await), "waiting-preparations");
    assert!(app.get("/v1/activations/two").await.json(200).get("next").is_none());
    app.patch("/v1/activations/two", json!({ "rank": 7 })).await.json(202);
    let used = app.get("/v1/quotas?department=service").await.json(200);
    assert_eq!(quota(&used, "waiting-preparations")["used"], 1);
}

#[tokio::test]
async fn department_publishes_no_more_than_its_quota() {
    let app = TestApp::company().await;
    let component =
        |version: &str| Guest::proposing("judge", Kind::Abstain, "no idea").version(version).component();
    set(&app, "releases", 1).await;
    app.upload_for("service", component("1.0.0")).await.json(201);
    assert_eq!(refused_by(&app.upload_for("service", component("1.1.0")).await), "releases");
    set(&app, "releases", 5).await;
    let bytes = component("1.0.0").len() as u64 + 10;
    set(&app, "release-bytes", bytes).await;
    assert_eq!(refused_by(&app.upload_for("service", component("1.1.0")).await), "release-bytes");
    app.get("/v1/plugins/judge/1.1.0").await.problem(404);
    let used = app.get("/v1/quotas?department=service").await.json(200);
    assert_eq!(quota(&used, "releases")["used"], 1);
}

/// What a department's own admin makes is in memory, and read anew with each change of it.
#[tokio::test]
async fn what_stands_in_the_directory_is_bounded_for_each_department() {
    let app = TestApp::company().await;
    let long = "x".repeat(2_000);
    let inbox = |name: &str| json!({ "name": name, "department": "service", "adapter": "cloudevents" });
    let adds = [
        ("inboxes", "/v1/inboxes", inbox("more")),
        ("queues", "/v1/queues", json!({ "department": "service", "name": "more" })),
        ("agents", "/v1/agents", json!({ "department": "service", "name": "more" })),
        ("tokens", "/v1/tokens", json!({ "role": "auditor", "department": "service" })),
        (
            "secrets",
            "/v1/secrets",
            json!({ "name": "more", "department": "service", "value": long, "uses": ["verify"] }),
        ),
    ];
    for (name, path, body) in adds {
        let list = app.get("/v1/quotas?department=service").await.json(200);
        let used = quota(&list, name)["used"].as_u64().unwrap();
        set(&app, name, used).await;
        let refused = app.post(path, body.clone()).await.problem(409);
        assert_eq!(
            (&refused["quota"]["name"], &refused["quota"]["used"]),
            (&json!(name), &json!(used)),
            "{refused}"
        );
        set(&app, name, used + 1).await;
        app.post(path, body).await.json(201);
    }
    set(&app, "setting-bytes", 1).await;
    let longer = json!({ "settings": { "reply_url": format!("https://hooks.example.com/{long}") } });
    let refused = app.patch("/v1/inboxes/more", longer).await.problem(409);
    assert_eq!(refused["quota"]["name"], "setting-bytes", "{refused}");
    app.patch("/v1/inboxes/more", json!({ "title": "More" })).await;
}

#[tokio::test]
async fn activation_that_is_deleted_makes_room_for_another() {
    let app = TestApp::company().await;
    set(&app, "activations", 1).await;
    app.enable(rule("one")).await;
    let refused = app.post("/v1/activations", rule("two")).await;
    let remedy = refused.problem(409)["remedy"].clone();
    assert!(remedy.as_str().unwrap().contains("DELETE /v1/activations/NAME"), "{remedy}");
    let delete = async |name: &str, tag: &str| {
        let headers = [("if-match", tag)];
        app.ask("DELETE", &format!("/v1/activations/{name}"), &headers, "").await
    };
    let enabled = app.ask("DELETE", "/v1/activations/one", &[], "").await.problem(409);
    assert!(text(&enabled, "/remedy").contains("\"mode\":\"disabled\""), "{enabled}");
    let seen = app.get("/v1/activations/one").await.headers["etag"].to_str().unwrap().to_owned();
    let disabled = app.patch("/v1/activations/one", json!({ "mode": "disabled" })).await;
    delete("one", &seen).await.problem(412);
    let seen = disabled.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(delete("one", &seen).await.json(200)["name"], "one");
    delete("one", &seen).await.problem(404);
    app.get("/v1/activations/one").await.problem(404);
    let audit = app.get("/v1/audit").await.json(200);
    assert_eq!(text(&audit, "/entries/0/action"), "activation.delete");
    app.enable(rule("two")).await;
    set(&app, "activations", 2).await;
    app.enable(rule("one")).await;
    assert_eq!(app.get("/v1/activations/one").await.json(200)["revision"], 1);
}

#[tokio::test]
async fn preparation_of_a_deleted_activation_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let app = TestApp::company().await.restart_with_compiler(endless_compiler(folder.path())).await;
    let mut endless = rule("one");
    endless["mode"] = "disabled".into();
    app.post("/v1/activations", endless).await.json(202);
    assert_eq!(app.flow().preparations.under_way(), 1);
    app.ask("DELETE", "/v1/activations/one", &[], "").await.json(200);
    app.prepared().await;
    assert_eq!(app.flow().preparations.under_way(), 0);
    app.get("/v1/activations/one").await.problem(404);
}

#[tokio::test]
async fn compiled_adapter_counts_to_the_quota_of_its_publisher() {
    let app = TestApp::company().await;
    app.patch("/v1/quotas", json!({ "quotas": { "artefact-bytes": 1 } })).await.json(200);
    app.upload(Guest::adapter_that_reads("reader").component()).await.json(201);
    let refused = r#"switchboard_over_quota_total{department="",quota="artefact-bytes"} 1"#;
    let metrics = app.get("/metrics").await.text().to_owned();
    assert!(metrics.contains(refused), "{metrics}");
    app.post("/v1/activations", json!({ "plugin": "reader", "mode": "active" })).await.json(202);
    app.settle().await;
    let shown = app.get("/v1/activations/reader").await.json(200);
    assert_eq!(shown["preparation"]["failure"], "over-quota", "{shown}");
}

#[tokio::test]
async fn caller_beyond_its_allowance_is_told_it_like_a_quota() {
    let app = TestApp::company().await;
    let wanted = json!({ "role": "auditor", "allowance": { "requests_per_second": 1 } });
    let token = app.token_for(wanted).await;
    app.ask_as(&token, "GET", "/v1/me", None).await.json(200);
    let refused = app.ask_as(&token, "GET", "/v1/me", None).await.problem(429);
    let quota = json!({ "name": "requests-per-second", "value": 1, "used": 1, "unit": "requests a second" });
    assert_eq!((&refused["quota"], &refused["name"]), (&quota, &quota["name"]));
    assert!(text(&refused, "/remedy").contains("allowance.requests_per_second"), "{refused}");
}
