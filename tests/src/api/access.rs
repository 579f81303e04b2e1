//! Who may ask for what, derived from the table of routes.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use switchboard::http::{Method, Permission, Route, table};

use crate::support::TestApp;
use crate::support::reply::text;

/// A path with something in place of what varies.
fn path(route: &Route) -> String {
    let mut path = route.path.to_owned();
    for name in route.path_parameters() {
        path = path.replace(&format!("{{{name}}}"), "x1");
    }
    path
}

fn method(route: &Route) -> &'static str {
    match route.method {
        Method::Get => "GET",
        Method::Post | Method::Any => "POST",
        Method::Patch => "PATCH",
        Method::Delete => "DELETE",
    }
}

fn request(route: &Route, token: Option<&str>) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method(route)).uri(path(route));
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn nothing_but_what_is_public_is_answered_without_the_right_token() {
    let app = TestApp::company().await;
    let guarded = table::routes().into_iter().filter(|it| !it.permission.roles().is_empty());
    let mut asked = 0;
    for route in guarded {
        for token in [None, Some("Bearer sbt_guess"), Some("Basic YWRhOmFkYQ=="), Some("Bearer")] {
            let refused = app.send(request(&route, token)).await;
            refused.problem(401);
            assert_eq!(refused.headers["www-authenticate"], "Bearer", "{}", refused.asked);
        }
        asked += 1;
    }
    assert!(asked > 40, "the table has only {asked} guarded routes");
}

#[tokio::test]
async fn what_is_public_is_answered_without_a_token() {
    let app = TestApp::company().await;
    for route in table::routes().into_iter().filter(|it| it.permission == Permission::Public) {
        let answer = app.send(request(&route, None)).await;
        assert_eq!(answer.status, 200, "{}", answer.asked);
    }
}

#[tokio::test]
async fn an_address_that_does_not_exist_is_answered_with_where_to_look() {
    let app = TestApp::company().await;
    let unknown = app.get("/v1/teapots").await.problem(404);
    insta::with_settings!({ sort_maps => true }, {
        insta::assert_json_snapshot!(unknown, { ".instance" => "[request]" }, @r#"
        {
          "detail": "there is nothing at /v1/teapots",
          "instance": "[request]",
          "remedy": "GET /openapi.json lists every address",
          "status": 404,
          "title": "Not found",
          "type": "urn:switchboard:problem:not-found"
        }
        "#);
    });
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_the_right_ones() {
    let app = TestApp::company().await;
    let refused = app.ask("DELETE", "/v1/departments", &[], "").await;
    refused.problem(405);
    let allowed = refused.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let app = TestApp::company().await;
    let refused = app.ask("POST", "/v1/departments", &[("content-type", "text/xml")], "<x/>").await;
    refused.problem(415);
    app.ask("POST", "/v1/plugins", &[("content-type", "application/json")], "{}").await.problem(415);
}

#[tokio::test]
async fn a_body_that_is_no_json_is_told_from_one_that_is_wrong() {
    let app = TestApp::company().await;
    let json = [("content-type", "application/json")];
    app.ask("POST", "/v1/departments", &json, "{ broken").await.problem(400);
    let unknown = app.ask("POST", "/v1/departments", &json, r#"{"name": "legal", "boss": "x"}"#).await;
    assert_eq!(unknown.pointers(), ["/boss"]);
    let wrong = app.ask("POST", "/v1/departments", &json, r#"{"name": 7}"#).await;
    assert_eq!(wrong.pointers(), ["/name"]);
}

#[tokio::test]
async fn a_body_that_is_too_deep_or_too_long_does_no_harm() {
    let app = TestApp::company().await;
    let json = [("content-type", "application/json")];
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let refused = app.ask("POST", "/v1/departments", &json, deep.clone()).await;
    assert!(refused.status.is_client_error(), "{}", refused.status);
    app.ask("POST", "/v1/departments", &json, " ".repeat(1024 * 1024 + 1)).await.problem(413);
    let received = app.deliver("chat", "application/json", deep).await.json(202);
    assert_eq!(received["outcome"], "unparsed");
}

#[tokio::test]
async fn a_request_is_found_again_by_its_id() {
    let app = TestApp::company().await;
    let named = app.ask("GET", "/v1/teapots", &[("x-request-id", "my-request-7")], "").await;
    assert_eq!(named.headers["x-request-id"], "my-request-7");
    assert_eq!(named.problem(404)["instance"], "urn:switchboard:request:my-request-7");
    let unnamed = app.get("/v1/teapots").await;
    let id = unnamed.headers["x-request-id"].to_str().unwrap().to_owned();
    assert!(text(&unnamed.problem(404), "/instance").ends_with(&id));
}
