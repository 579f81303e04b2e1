//! How the host is, and how it describes itself.

use serde_json::json;
use switchboard::http::table;

use crate::support::TestApp;

#[tokio::test]
async fn a_host_lives_and_is_ready() {
    let app = TestApp::company().await;
    assert_eq!(app.get("/healthz").await.json(200), json!({ "status": "ok" }));
    assert_eq!(app.get("/readyz").await.json(200)["status"], "ok");
}

#[tokio::test]
async fn a_host_that_stops_lives_but_takes_no_work() {
    let app = TestApp::company().await;
    app.app().stopping().cancel();
    app.get("/healthz").await.json(200);
    let refused = app.get("/readyz").await;
    refused.problem(503);
    assert_eq!(refused.headers["retry-after"], "1");
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let app = TestApp::staffed().await;
    app.say("a refund, please").await;
    app.settle().await;
    let metrics = app.get("/metrics").await;
    assert!(metrics.headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = metrics.text();
    for line in [
        r#"switchboard_deliveries_total{inbox="chat",outcome="accepted"} 1"#,
        "switchboard_items_total 1",
        "switchboard_decisions_total 1",
        r#"switchboard_plugin_call_microseconds_count{plugin="keyword-router",step="evaluate"} 1"#,
        r#"switchboard_plugin_call_microseconds_count{plugin="cloudevents",step="receive"} 1"#,
        r#"switchboard_http_requests_total{route="/in/{inbox}",status="202"} 1"#,
        r#"switchboard_http_request_microseconds_count{route="/in/{inbox}"} 1"#,
    ] {
        assert!(text.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn the_description_has_every_route() {
    let app = TestApp::company().await;
    let document = app.get("/openapi.json").await.json(200);
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for route in table::routes() {
        let path = route.path.replace("{*", "{");
        assert!(document["paths"].get(&path).is_some(), "{path} is missing");
    }
}
