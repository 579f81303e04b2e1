//! The interface: whatever is asked for is answered, and never by a surprise.

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use switchboard::http::{Method, Route, table};

use super::each_input;
use super::mutate::{changed, shown};
use crate::support::TestApp;

/// Values for what varies in a path, and for queries.
const VALUES: [&str; 12] = [
    "service",
    "chat",
    "judge",
    "1",
    "cnv_0000000000001",
    "itm_zzzzzzzzzzzzz",
    "..",
    "%00",
    "%ff",
    "-1",
    "99999999999999999999",
    "%F0%9F%98%80",
];
const QUERIES: [&str; 8] =
    ["", "?", "?limit=0", "?limit=200&cursor=x", "?q=%22", "?a=1&a=2", "?%ff=%00", "?from=1&to=-1"];

#[tokio::test]
async fn whatever_is_asked_for_is_answered_and_never_by_a_surprise() {
    let app = TestApp::staffed().await;
    app.say("something to find").await;
    app.settle().await;
    let routes = table::routes();
    let bodies: Vec<Vec<u8>> = [
        json!({ "name": "legal", "department": "service", "title": "Law", "kind": "ordinary" }),
        json!({ "agent": "ada", "text": "a word", "to": { "department": "billing", "queue": "refunds" } }),
        json!({ "plugin": "keyword-router", "mode": "active", "settings": { "rules": [] }, "applies_to": { "inboxes": ["chat"] } }),
        json!({ "role": "agent", "agent": "ada", "expires_in_days": 1, "allowance": { "requests_per_second": 1 } }),
        json!({ "disposition": { "theme": "x" }, "priority": "high", "add_tags": ["a"], "reason": "why" }),
    ]
    .map(|it| it.to_string().into_bytes())
    .into();
    each_input(async |seed, mut rng| {
        let route = &routes[rng.usize(..routes.len())];
        let path = path(route, &mut rng);
        let body = changed(&bodies, &mut rng);
        let Some(request) = request(&app, route, &path, &body, &mut rng) else { return };
        let answer = app.send(request).await;
        let case = format!(
            "seed {seed}: {} {} {}, body b\"{}\"",
            answer.asked,
            answer.status,
            answer.text(),
            shown(&body)
        );
        assert!(answer.status.as_u16() < 500, "{case}");
        if answer.status.is_client_error() {
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{case}");
        }
    })
    .await;
    app.get("/healthz").await.json(200);
}

fn path(route: &Route, rng: &mut Rng) -> String {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        path.push('/');
        path.push_str(if part.starts_with('{') { VALUES[rng.usize(..VALUES.len())] } else { part });
    }
    path + QUERIES[rng.usize(..QUERIES.len())]
}

/// Nothing if it cannot even be sent.
fn request(
    app: &TestApp,
    route: &Route,
    path: &str,
    body: &[u8],
    rng: &mut Rng,
) -> Option<Request<Full<Bytes>>> {
    let method = match route.method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
        Method::Patch => "PATCH",
    };
    let types = ["application/json", "application/wasm", "text/plain", ""];
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("authorization", format!("Bearer {}", app.token));
    request = request.header("content-type", types[rng.usize(..types.len()).min(rng.usize(..types.len()))]);
    if rng.u8(..8) == 0 {
        let value = changed(&[b"\"1\"".to_vec()], rng);
        request = request.header("if-match", value.clone()).header("idempotency-key", value);
    }
    request.body(Full::from(body.to_vec())).ok()
}
