//! How the host is, and how it describes itself.

use serde_json::json;
use switchboard::flow::catch_up;
use switchboard::flow::liveness::STORING;
use switchboard::http::table;

use crate::support::TestApp;
use crate::support::behind::Behind;
use crate::support::reply::text;

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
async fn host_whose_worker_is_ill_says_so_with_the_reason() {
    let app = TestApp::company().await;
    let liveness = &app.flow().liveness;
    liveness.stepped(STORING, &Err::<(), _>("the disk is full"));
    let refused = app.get("/readyz").await.problem(503);
    assert!(text(&refused, "/detail").contains("storing deliveries fails: the disk is full"), "{refused}");
    app.get("/healthz").await.json(200);
    // It finds out by itself that it can write again.
    catch_up::catch_up(app.flow()).await.unwrap();
    app.get("/readyz").await.json(200);
    app.flow().liveness.end("routing", "ended by a panic");
    let refused = app.get("/readyz").await.problem(503);
    assert!(text(&refused, "/detail").contains("routing ended by a panic"), "{refused}");
}

#[tokio::test]
async fn host_that_cannot_store_says_so_until_it_can() {
    let app = TestApp::company().await;
    let mut behind = Behind::open(&app.file()).await;
    behind.lock().await;
    let item = json!({ "id": "m-1", "author": "u-1", "text": "hello" }).to_string();
    app.deliver("chat", "application/json", item).await.problem(503);
    assert!(catch_up::catch_up(app.flow()).await.is_ok());
    app.get("/readyz").await.problem(503);
    behind.unlock().await;
    catch_up::catch_up(app.flow()).await.unwrap();
    app.get("/readyz").await.json(200);
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
        "switchboard_log_lines_dropped_total 0",
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
