use axum::http::StatusCode;
use futures::{FutureExt as _, StreamExt, TryStreamExt};
use serde_json::json;
use tower::ServiceExt;

use super::super::testing::Host;
use super::*;

fn bare(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn an_unknown_address_is_told_where_the_known_ones_are() {
    let host = Host::start().await;
    let answer = host.get("/v1/nowhere").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(answer.body["type"], "urn:switchboard:problem:not-found");
    assert!(answer.body["remedy"].as_str().unwrap().contains("/openapi.json"));
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let host = Host::start().await;
    let answer = host.send(bare("DELETE", "/v1/departments")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let allow = answer.headers["allow"].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}

#[tokio::test]
async fn without_the_admin_token_nothing_is_told() {
    let host = Host::start().await;
    let none = host.send(bare("GET", "/v1/conversations")).await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    let mut wrong = bare("GET", "/v1/conversations");
    wrong.headers_mut().insert("authorization", "Bearer sbt_wrong".parse().unwrap());
    assert_eq!(host.send(wrong).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(host.get("/v1/conversations").await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_measured_is_for_tokens_of_the_whole_company_where_that_is_wished() {
    let host = Host::start().await;
    host.post("/v1/departments", json!({ "name": "support" })).await;
    host.post("/v1/agents", json!({ "name": "ada", "department": "support" })).await;
    let closed = router_for(MetricsFor::WholeCompany, host.flow.clone(), host.draining.clone());
    let ask = async |token: Option<&str>| {
        let mut request = bare("GET", "/metrics");
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        closed.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(host.send(bare("GET", "/metrics")).await.status, StatusCode::OK, "as it is otherwise");
    assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(Some("sbt_guess")).await, StatusCode::UNAUTHORIZED);
    for (wanted, status) in [
        (json!({ "role": "admin" }), StatusCode::OK),
        (json!({ "role": "service" }), StatusCode::OK),
        (json!({ "role": "auditor" }), StatusCode::OK),
        (json!({ "role": "service", "department": "support" }), StatusCode::FORBIDDEN),
        (json!({ "role": "author", "department": "support" }), StatusCode::FORBIDDEN),
        (json!({ "role": "agent", "agent": "ada" }), StatusCode::FORBIDDEN),
    ] {
        let made = host.post("/v1/tokens", wanted.clone()).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        assert_eq!(ask(made.body["secret"].as_str()).await, status, "{wanted}");
    }
}

#[tokio::test]
async fn who_finds_no_room_is_told_to_come_back_and_nothing_is_done() {
    let host = Host::start().await;
    let full = router_with(
        host.flow.clone(),
        host.draining.clone(),
        (Room::of(0), ResponseRoom::default()),
        MetricsFor::default(),
    );
    let post = |body: Body| {
        let request = host.request("POST", "/v1/departments").header("content-type", "application/json");
        full.clone().oneshot(request.body(body).unwrap())
    };
    let announced = Body::from(r#"{"name":"legal"}"#);
    let piecewise =
        Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(r#"{"name":"legal"}"#)]));
    for body in [announced, piecewise] {
        let answer = post(body).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    assert_eq!(host.get("/v1/departments").await.body["entries"], json!([]));
    // What has no body needs no room.
    let bare = host.request("GET", "/v1/departments").body(Body::empty()).unwrap();
    assert_eq!(full.clone().oneshot(bare).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_does_not_end_in_time_is_refused_and_nothing_of_it_is_stored() {
    let host = Host::start().await;
    let whole = r#"{"name":"legal"}"#;
    let stuck = futures::stream::iter([Ok(whole)]).chain(futures::stream::pending());
    // A byte now and then is no haste either.
    let dripping = futures::stream::unfold(0, move |sent| async move {
        tokio::time::sleep(Duration::from_secs(7)).await;
        Some((Ok(&whole[sent..=sent]), sent + 1))
    });
    for body in [stuck.boxed(), dripping.boxed()] {
        let body = Body::from_stream(body.map_err(|error: std::io::Error| error));
        let request = host.request("POST", "/v1/departments").header("content-type", "application/json");
        // Time is the runtime's own while everybody waits for the body.
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        let answer = host.send(request.body(body).unwrap()).await;
        let waited = began.elapsed();
        tokio::time::resume();
        assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT, "{}", answer.body);
        assert!(answer.body["remedy"].as_str().unwrap().contains("send it again"), "{}", answer.body);
        assert_eq!(waited.as_secs(), BODY_TIMEOUT.as_secs());
    }
    assert_eq!(host.get("/v1/departments").await.body["entries"], json!([]));
    assert_eq!(host.get("/v1/audit").await.body["entries"].as_array().unwrap().len(), 1, "its token's alone");
}

#[tokio::test]
async fn one_caller_with_many_bodies_leaves_room_to_others() {
    let host = Host::start().await;
    let room = router_with(
        host.flow.clone(),
        host.draining.clone(),
        (Room::of(4), ResponseRoom::default()),
        MetricsFor::default(),
    );
    let open = || {
        let endless = futures::stream::iter([Ok::<_, std::io::Error>("{")]).chain(futures::stream::pending());
        let request = host.request("POST", "/v1/departments").header("content-type", "application/json");
        room.clone().oneshot(request.body(Body::from_stream(endless)).unwrap())
    };
    let held = tokio::spawn(open());
    tokio::task::yield_now().await;
    let refused = open().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "1");
    let made = host.post("/v1/tokens", json!({ "role": "admin" })).await;
    let other = Request::post("/v1/departments")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", made.body["secret"].as_str().unwrap()))
        .body(Body::from(r#"{"name":"legal"}"#))
        .unwrap();
    assert_eq!(room.clone().oneshot(other).await.unwrap().status(), StatusCode::CREATED);
    held.abort();
}

#[tokio::test]
async fn a_department_with_many_tokens_leaves_room_to_another() {
    let host = Host::start().await;
    for name in ["billing", "legal"] {
        host.post("/v1/departments", json!({ "name": name })).await;
    }
    let token_of = async |department: &str| {
        let made = host.post("/v1/tokens", json!({ "role": "admin", "department": department })).await;
        made.body["secret"].as_str().unwrap().to_owned()
    };
    let rooms = (Room::of(8), ResponseRoom::default());
    let router = router_with(host.flow.clone(), host.draining.clone(), rooms, MetricsFor::default());
    let add_queue = |token: &str, body: Body| {
        let request = Request::post("/v1/queues").header("content-type", "application/json");
        let request = request.header("authorization", format!("Bearer {token}"));
        Box::pin(router.clone().oneshot(request.body(body).unwrap()))
    };
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..8 {
        let token = token_of("billing").await;
        let endless = futures::stream::iter([Ok::<_, std::io::Error>("{")]).chain(futures::stream::pending());
        let mut request = add_queue(&token, Body::from_stream(endless));
        match (&mut request).now_or_never() {
            None => held.push(request),
            Some(answer) => {
                assert_eq!(answer.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
                refused += 1;
            }
        }
    }
    assert_eq!((held.len(), refused), (4, 4), "half of the room");
    let body = json!({ "name": "urgent", "department": "legal" });
    let other = add_queue(&token_of("legal").await, Body::from(body.to_string())).await.unwrap();
    assert_eq!(other.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn a_body_is_checked_before_anything_happens() {
    let host = Host::start().await;
    let send = async |content_type: &str, body: String| {
        let request = host.request("POST", "/v1/departments").header("content-type", content_type);
        host.send(request.body(Body::from(body)).unwrap()).await
    };
    let json = "application/json";
    assert_eq!(send("text/plain", "{}".to_owned()).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(send(json, "{".to_owned()).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(send(json, "x".repeat(2 * 1024 * 1024)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let unknown = send(json, json!({ "name": "billing", "colour": "red" }).to_string()).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(unknown.body["errors"][0]["pointer"], "/colour");
    let misnamed = send(json, json!({ "name": "Billing!" }).to_string()).await;
    assert_eq!(misnamed.body["errors"][0]["pointer"], "/name");
    assert_eq!(host.get("/v1/departments").await.body["entries"], json!([]));
}

#[tokio::test]
async fn a_department_is_found_by_its_name_and_has_a_queue() {
    let host = Host::start().await;
    let added = host.post("/v1/departments", json!({ "name": "billing", "title": "Billing" })).await;
    assert_eq!(added.status, StatusCode::CREATED);
    let again = host.post("/v1/departments", json!({ "name": "billing" })).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(host.get("/v1/departments/billing").await.body["title"], "Billing");
    let unknown = host.get("/v1/departments/legal").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.body["detail"].as_str().unwrap().contains("billing"), "{}", unknown.body);
    let queues = host.get("/v1/queues").await;
    assert_eq!(queues.body["entries"][0]["path"], "billing/general");
}

#[tokio::test]
async fn an_inbox_needs_an_adapter_that_is_enabled() {
    let host = Host::start().await;
    host.post("/v1/departments", json!({ "name": "billing" })).await;
    let new = json!({ "name": "mail", "department": "billing", "adapter": "email" });
    let answer = host.post("/v1/inboxes", new).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(answer.body["errors"][0]["pointer"], "/adapter");
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_refused() {
    let host = Host::start().await;
    for path in
        ["/v1/conversations?colour=red", "/v1/conversations?limit=0", "/v1/audit?cursor=x", "/v1/search"]
    {
        assert_eq!(host.get(path).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
}

#[tokio::test]
async fn every_list_answers_on_an_empty_repository() {
    let host = Host::start().await;
    let lists = [
        "departments",
        "agents",
        "queues",
        "inboxes",
        "plugins",
        "activations",
        "conversations",
        "search?q=refund",
        "deliveries?outcome=unparsed",
        "decisions",
        "audit",
    ];
    for list in lists {
        let answer = host.get(&format!("/v1/{list}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{list}: {}", answer.body);
        assert!(answer.body["entries"].is_array(), "{list}");
    }
    assert_eq!(host.get("/v1/generations").await.body["entries"][0]["number"], 1);
    assert_eq!(host.get("/v1/counts").await.body["items"], 0);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let host = Host::start().await;
    let paths = [
        "/v1/conversations/cnv_0000000000001",
        "/v1/conversations/itm_0000000000001",
        "/v1/items/itm_0000000000001",
        "/v1/deliveries/dlv_0000000000001/raw",
        "/v1/decisions/dec_0000000000001",
        "/v1/contacts/ctc_0000000000001",
        "/v1/plugins/unknown",
        "/v1/activations/unknown",
        "/v1/generations/7",
        "/v1/generations/seven",
        "/v1/generations/difference?from=1&to=7",
        "/in/unknown",
    ];
    for path in paths {
        let answer = host.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
        assert!(answer.body["detail"].is_string(), "{path}");
    }
}

#[tokio::test]
async fn a_host_that_drains_is_not_ready_but_alive() {
    let host = Host::start().await;
    assert_eq!(host.send(bare("GET", "/readyz")).await.status, StatusCode::OK);
    host.draining.cancel();
    assert_eq!(host.send(bare("GET", "/readyz")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(host.send(bare("GET", "/healthz")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_interface_describes_itself_and_is_measured() {
    let host = Host::start().await;
    let document = host.send(bare("GET", "/openapi.json")).await;
    assert_eq!(document.body["openapi"], "3.1.0");
    assert!(document.body["paths"]["/v1/evaluate"]["post"].is_object());
    assert_eq!(host.send(bare("GET", "/metrics")).await.status, StatusCode::OK);
    assert!(host.flow.telemetry.render().contains(r#"route="/openapi.json",status="200""#));
}

#[tokio::test]
async fn a_request_keeps_the_harmless_name_it_was_given() {
    let host = Host::start().await;
    let send = async |id: &str| {
        let mut request = bare("GET", "/v1/nowhere");
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
        host.send(request).await
    };
    let named = send("trace-7").await;
    assert_eq!(named.headers["x-request-id"], "trace-7");
    assert_eq!(named.body["instance"], "urn:switchboard:request:trace-7");
    assert_ne!(send("no<script>").await.headers["x-request-id"], "no<script>");
}
