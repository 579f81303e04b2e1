use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::*;

async fn sent(problem: impl Into<Problem>) -> (Response<()>, Value) {
    let (parts, body) = problem.into().response("req-1").into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (Response::from_parts(parts, ()), serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn wrong_places_are_listed_by_pointer() {
    let (head, body) = sent(FlowError::invalid("/settings/rules/0", "`any` is missing")).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(head.headers()[CONTENT_TYPE], MEDIA_TYPE);
    assert_eq!(
        body,
        json!({
            "type": "urn:switchboard:problem:invalid",
            "title": "Invalid",
            "status": 422,
            "detail": "`any` is missing",
            "instance": "urn:switchboard:request:req-1",
            "errors": [{ "pointer": "/settings/rules/0", "message": "`any` is missing" }],
            "remedy": "correct it and send it again; GET /openapi.json describes what is taken here",
        })
    );
}

#[tokio::test]
async fn a_refused_component_is_named_with_its_remedy() {
    let refused = FlowError::Refused {
        name: "foreign-import".to_owned(),
        found: "it imports wasi:clocks".to_owned(),
        remedy: "build it for wasm32-unknown-unknown".to_owned(),
    };
    let (head, body) = sent(refused).await;
    assert_eq!(head.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["name"], "foreign-import");
    assert_eq!(body["remedy"], "build it for wasm32-unknown-unknown");
}

#[tokio::test]
async fn a_surprise_tells_the_client_nothing_of_the_inside() {
    let (head, body) = sent(FlowError::failed(std::io::Error::other("disk table xyz"))).await;
    assert_eq!(head.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!body.to_string().contains("xyz"));
}

#[tokio::test]
async fn who_must_show_a_token_is_told_which_kind() {
    let (head, _) = sent(FlowError::Unauthenticated("no token".to_owned())).await;
    assert_eq!(head.headers()[WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn stale_is_a_failed_precondition_only_where_there_was_one() {
    let stale = || Problem::from(FlowError::Stale("inbox mail".to_owned()));
    assert_eq!(sent(stale()).await.0.status(), StatusCode::CONFLICT);
    assert_eq!(sent(stale().for_precondition()).await.0.status(), StatusCode::PRECONDITION_FAILED);
}
