//! The interface: whatever is asked for is answered, and never by a surprise.

use std::collections::BTreeSet;

use bytes::Bytes;
use fastrand::Rng;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use switchboard::http::{Method, Route, table};

use super::each_input;
use super::mutate::{changed, shown};
use crate::support::TestApp;
use crate::support::reply::text;

/// Values that lead nowhere, for what varies in a path.
const WRONG: [&str; 8] = [
    "nowhere",
    "cnv_0000000000001",
    "itm_zzzzzzzzzzzzz",
    "..",
    "%00",
    "%ff",
    "99999999999999999999",
    "%F0%9F%98%80",
];
const QUERIES: [&str; 9] =
    ["", "", "?", "?limit=0", "?limit=200&cursor=x", "?q=%22", "?a=1&a=2", "?%ff=%00", "?from=1&to=1"];

/// Names and ids that lead somewhere.
struct Known {
    names: Vec<String>,
    ids: Vec<String>,
}

impl Known {
    async fn of(app: &TestApp) -> Self {
        let received = app.tell(json!({ "id": "i-1", "author": "u-1", "text": "something to find" })).await;
        app.settle().await;
        let conversation = app.conversation_of(&received);
        let shown = app.conversation(&conversation).await;
        let token = app.post("/v1/tokens", json!({ "role": "auditor" })).await.json(201);
        let decision = app.decision(&conversation).await;
        let ids = [
            conversation.as_str(),
            text(&received, "/items/0/item"),
            text(&received, "/delivery"),
            text(&decision, "/id"),
            text(&shown, "/contact/id"),
            text(&token, "/id"),
        ];
        let names = ["service", "ada", "chat", "keyword-router", "reach-priority", "general", "1", "0.2.0"];
        Self { names: names.map(str::to_owned).into(), ids: ids.map(str::to_owned).into() }
    }

    /// A path that leads somewhere now and then.
    fn path(&self, route: &Route, rng: &mut Rng) -> String {
        let mut path = String::new();
        for part in route.path.split('/').skip(1) {
            path.push('/');
            path.push_str(match part {
                _ if part.starts_with('{') && rng.u8(..8) == 0 => WRONG[rng.usize(..WRONG.len())],
                "{id}" => &self.ids[rng.usize(..self.ids.len())],
                _ if part.starts_with('{') => &self.names[rng.usize(..self.names.len())],
                _ => part,
            });
        }
        path + QUERIES[rng.usize(..QUERIES.len())]
    }
}

#[tokio::test]
async fn whatever_is_asked_for_is_answered_and_never_by_a_surprise() {
    let app = TestApp::staffed().await;
    let known = Known::of(&app).await;
    let mut said_yes = BTreeSet::new();
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
        let path = known.path(route, &mut rng);
        let body = match rng.u8(..3) {
            0 => bodies[rng.usize(..bodies.len())].clone(),
            1 => Vec::new(),
            _ => changed(&bodies, &mut rng),
        };
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
        if answer.status.is_success() {
            said_yes.insert(route.path);
        }
        if answer.status.is_client_error() {
            assert_eq!(answer.headers["content-type"], "application/problem+json", "{case}");
        }
    })
    .await;
    app.get("/healthz").await.json(200);
    assert!(said_yes.len() > 20, "what was asked for was nearly always refused at once: {said_yes:?}");
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
        Method::Delete => "DELETE",
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
