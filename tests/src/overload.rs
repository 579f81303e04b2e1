//! More comes than can be taken, or nothing can be written: whoever is not taken is told to come back, and
//! nobody else is concerned.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use switchboard::http as interface;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::support::behind::Behind;
use crate::support::company::chat;
use crate::support::guest::{Guest, LOOP};
use crate::support::host::{Caller, Host, command, furnished};
use crate::support::reply::text;
use crate::support::template::Stage;
use crate::support::{Reply, TestApp};

/// How often the host is asked how far it is.
const ASKING: Duration = Duration::from_millis(20);
/// Far less than what waits in the flooded inbox would take.
const SOON: Duration = Duration::from_secs(20);
/// How many deliveries are added to a flood at once.
const WAVE: usize = 100;
/// How many waves there are at most; the inbox would be busy with them for minutes.
const WAVES: usize = 8;

fn item(number: usize) -> Value {
    json!({ "id": format!("o-{number}"), "author": "u-1", "text": "a refund, please" })
}

/// A host with an adapter that never ends, and an inbox for it.
async fn host_with_an_endless_adapter(data: &std::path::Path, token: &str) -> Host {
    let mut command = command(data);
    // As many as a small machine has by default; with more the flood would have to be larger.
    command.args(["--threads", "2"]);
    let host = Host::try_start(&mut command, token).await.unwrap();
    let caller = host.caller();
    caller.upload(Guest::adapter("endless", LOOP).component()).await;
    caller.post("/v1/activations", json!({ "plugin": "endless", "mode": "active" })).await;
    caller.until("/v1/activations/endless", |it| it["preparation"]["state"] == "ready").await;
    let inbox = json!({ "name": "flooded", "department": "service", "adapter": "endless", "access": "open" });
    // It is prepared a moment before it is at work.
    let mut pause = tokio::time::interval(ASKING);
    let made = async {
        loop {
            pause.tick().await;
            let made = caller.post("/v1/inboxes", inbox.clone()).await;
            if made["name"] == "flooded" {
                return;
            }
            assert_eq!(made["errors"][0]["pointer"], "/adapter", "{made}");
        }
    };
    tokio::time::timeout(SOON, made).await.expect("the adapter gets no inbox");
    host
}

/// Others are answered, and soon.
async fn others_are_answered(caller: &Caller, number: usize) {
    let answered = async {
        assert_eq!(caller.get("/healthz").await["status"], "ok");
        assert_eq!(caller.post("/in/chat", item(number)).await["outcome"], "accepted");
    };
    tokio::time::timeout(SOON, answered).await.expect("another inbox waits for the flooded one");
}

#[tokio::test]
async fn a_flooded_inbox_is_told_to_come_back_and_takes_nothing_from_the_others() {
    let (data, token) = furnished(Stage::Staffed).await;
    let host = host_with_an_endless_adapter(data.path(), &token).await;
    let mut flood = JoinSet::new();
    let mut refused = None;
    for wave in 0..WAVES {
        for number in 0..WAVE {
            let caller = host.caller().clone();
            flood.spawn(async move { caller.try_post("/in/flooded", &item(number)).await });
        }
        others_are_answered(host.caller(), wave).await;
        while let Some(answer) = flood.try_join_next() {
            let answer = answer.unwrap().unwrap();
            match answer.status() {
                StatusCode::SERVICE_UNAVAILABLE => refused = Some(answer),
                status => assert_eq!(status, StatusCode::ACCEPTED),
            }
        }
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("a delivery that would wait for minutes is taken");
    assert_eq!(refused.headers()["retry-after"], "1");
    let problem: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert!(text(&problem, "/detail").contains("send it again later"), "{problem}");
    others_are_answered(host.caller(), WAVES).await;
    host.kill().await;
}

#[tokio::test]
async fn who_finds_too_many_deliveries_waiting_is_told_to_come_back() {
    let app = TestApp::company().await;
    // One inbox has room for fewer than may wait to be stored.
    app.post("/v1/inboxes", with_name(chat(), "talk")).await.json(201);
    let mut behind = Behind::open(&app.file()).await;
    behind.lock().await;
    let router = interface::router(app.flow().clone(), app.app().stopping());
    let deliver = async |number: usize| {
        let inbox = if number.is_multiple_of(2) { "chat" } else { "talk" };
        let request = Request::post(format!("/in/{inbox}")).header("content-type", "application/json");
        let request = request.body(Full::new(Bytes::from(item(number).to_string()))).unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { asked: inbox.to_owned(), status: parts.status, headers: parts.headers, body }
    };
    let mut answers: FuturesUnordered<_> = (0..3_000).map(deliver).collect();
    loop {
        let refused = answers.next().await.expect("all are taken, and none can be stored");
        assert_eq!(refused.headers["retry-after"], "1");
        let problem = refused.problem(503);
        assert_eq!(problem["name"], problem["quota"]["name"], "{problem}");
        if text(&problem, "/name") == "waiting-deliveries" {
            assert_eq!(problem["quota"]["value"], 2_048);
            break;
        }
    }
    behind.unlock().await;
    let rest: Vec<Reply> = answers.collect().await;
    let taken = rest.iter().filter(|it| it.status == StatusCode::ACCEPTED).count();
    assert!(taken > 0 && rest.iter().all(|it| it.status == 202 || it.status == 503));
    // What was answered is stored, and nothing else.
    assert_eq!(app.get("/v1/counts").await.json(200)["items"], taken);
}

#[tokio::test]
async fn a_delivery_is_read_again_once_at_a_time() {
    let app = TestApp::company().await;
    let kept = app.deliver("chat", "application/json", "{").await.json(202);
    let retry = format!("/v1/deliveries/{}/retry", text(&kept, "/delivery"));
    let mut behind = Behind::open(&app.file()).await;
    behind.lock().await;
    // Neither can be stored, so the one is under way when the other begins.
    let (one, other) = tokio::join!(app.post(&retry, json!({})), app.post(&retry, json!({})));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [409, 503]);
    behind.unlock().await;
    assert_eq!(app.post(&retry, json!({})).await.json(200)["outcome"], "unparsed");
}

fn with_name(mut inbox: Value, name: &str) -> Value {
    inbox["name"] = name.into();
    inbox
}

#[tokio::test]
async fn a_repository_that_somebody_else_holds_is_waited_for_and_nothing_is_half_done() {
    let app = TestApp::staffed().await;
    app.tell(item(0)).await;
    app.settle().await;
    let mut behind = Behind::open(&app.file()).await;
    let before = behind.rows().await;
    behind.lock().await;
    let refused = app.deliver("chat", "application/json", item(1).to_string()).await;
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(text(&refused.problem(503), "/detail").contains("cannot write"), "{}", refused.text());
    app.post("/v1/departments", json!({ "name": "legal" })).await.problem(503);
    // What only reads goes on.
    assert_eq!(app.get("/v1/counts").await.json(200)["items"], 1);
    app.get("/healthz").await.json(200);
    behind.unlock().await;
    assert_eq!(behind.rows().await, before);

    app.tell(item(1)).await;
    app.post("/v1/departments", json!({ "name": "legal" })).await.json(201);
    app.settle().await;
    let counts = app.get("/v1/counts").await.json(200);
    assert_eq!((&counts["items"], &counts["decisions"]), (&json!(2), &json!(2)));
}
